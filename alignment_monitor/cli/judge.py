"""The commands ``alignment-monitor judge ...``: trying, auditing and simulating judges."""

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from alignment_monitor.cli.common import Home, console, fail, load_settings, require_writable
from alignment_monitor.settings import Settings

if TYPE_CHECKING:
    from alignment_monitor.judging.rubric import Rubric
    from alignment_monitor.operations.audit.run import Audit
    from alignment_monitor.simulation.truth import Truth

judge_app = typer.Typer(help="Try, audit and simulate judges.", no_args_is_help=True)

Named = Annotated[str | None, typer.Option("--judge", help="Else the first of monitor.yaml.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines, nothing else.")]
Labels = Annotated[list[Path] | None, typer.Option(help="Labelled file to answer from.")]
Port = Annotated[int, typer.Option(help="Port to listen on.")]
Log = Annotated[Path | None, typer.Option(help="File for one line per request.")]


@judge_app.command("try")
def judge_try(
    file: Annotated[str, typer.Argument(help="JSON, or lines of speech; - for stdin.")] = "-",
    judge: Named = None,
    message: Annotated[
        int | None, typer.Option(help="Which message, from 0; else the assistant's last.", min=0)
    ] = None,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Ask a judge about one conversation, and show the verdict in place."""
    from alignment_monitor.operations.audit.run import AuditError, choose_judge
    from alignment_monitor.operations.trial import run as trial
    from alignment_monitor.operations.trial import screen as trial_screen
    from alignment_monitor.sources.files import SourceFileError

    settings = load_settings(home)
    rubric = _rubric(settings)
    try:
        chosen = choose_judge(settings, judge)
        raw = trial.parse_talk(_typed()) if file == "-" else trial.read_talk(Path(file))
        unit = trial.make_trial_unit(raw, settings, message)
        made = trial.try_judge(chosen, unit, rubric, settings)
    except (trial.TrialError, AuditError, SourceFileError) as error:
        fail(str(error))
    if as_json:
        typer.echo(json.dumps(made.as_json(), ensure_ascii=False, indent=1))
    else:
        console.print(trial_screen.shown(made, rubric))


@judge_app.command("audit")
def judge_audit(
    judge: Named = None,
    gold: Annotated[Path | None, typer.Option(help="JSON Lines labelled by people.")] = None,
    sentinels: Annotated[
        bool, typer.Option("--sentinels", help="Ask about the shipped ones beside --gold too.")
    ] = False,
    repeats: Annotated[
        int | None, typer.Option(help="How often each message is asked about; else 3.", min=1)
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="At most so many messages, and attacks.", min=1)
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before money is spent.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the audit; one that was begun goes on.")
    ] = None,
    resume: Annotated[
        str | None, typer.Option(help="Go on with a run, by its name or its folder.")
    ] = None,
    with_text: Annotated[
        bool, typer.Option("--with-text", help="Put texts of conversations on the card.")
    ] = False,
    gate: Annotated[
        bool, typer.Option("--gate", help="Exit 1 if the judge is not to be used.")
    ] = False,
    template: Annotated[
        Path | None, typer.Option(help="Write an example of a labelled file there, and stop.")
    ] = None,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Ask a judge about messages with known answers, and say what it may be trusted with."""
    from alignment_monitor.operations.audit import run as audits
    from alignment_monitor.sources.files import SourceFileError
    from alignment_monitor.sources.gold import GoldFileError

    settings = load_settings(home)
    rubric = _rubric(settings)
    if template:
        _write_template(template, rubric)
        return
    require_writable(settings.home)
    options = audits.Options(judge, str(gold) if gold else None, sentinels or None, repeats, limit)
    try:
        if resume:
            begun = audits.resume(settings, rubric, options, audits.find_run(settings, resume))
        else:
            day = datetime.now(UTC).date()
            begun = audits.begin(settings, rubric, options, out=out, day=day)
    except (audits.AuditError, GoldFileError, SourceFileError, OSError) as error:
        fail(str(error))
    verdict = _audited(begun, settings, yes=yes, with_text=with_text, as_json=as_json)
    raise typer.Exit(int(gate and verdict == "do not use"))


@judge_app.command("serve")
def judge_serve(
    labels: Labels = None, home: Home = None, port: Port = 8089, log: Log = None
) -> None:
    """Serve a simulated judge that answers from known labels; unknown text is not applicable."""
    from alignment_monitor.simulation.judge_server import build_app

    settings = load_settings(home)
    truth = _truth(settings, labels)
    try:
        app = build_app(truth, request_log=log)
    except OSError as error:
        fail(str(error))
    if not settings.simulated:
        Console(stderr=True).print(
            "[yellow]![/] This home's judge is not marked as simulated, so it will refuse these "
            "answers: begin with `alignment-monitor init --simulated-judge`."
        )
    _serve(app, port)


@judge_app.command("fake-server")
def judge_fake_server(
    labels: Labels = None,
    home: Home = None,
    port: Port = 8089,
    port_file: Annotated[Path | None, typer.Option(help="File that gets the port.")] = None,
    log: Log = None,
    faults: Annotated[
        str, typer.Option(help="Shares, as in rate_limit=0.05,timeout=0.02,invalid_json=0.01")
    ] = "",
    latency: Annotated[
        str, typer.Option(help="Milliseconds: 200, or median and 95th percentile: 200/800")
    ] = "",
    batch: Annotated[
        str, typer.Option(help="How batches end, as in seconds=5,error=0.1,expired=0.2")
    ] = "",
    state_folder: Annotated[
        Path | None, typer.Option(help="Keeps files and batches over a restart.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Name to answer under; else it says that it is simulated.")
    ] = None,
    sensitivity: Annotated[
        float | None, typer.Option(help="Share of events that it finds.", min=0, max=1)
    ] = None,
    specificity: Annotated[
        float | None, typer.Option(help="Share of the others it lets pass.", min=0, max=1)
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed, other errors and faults.")] = 0,
) -> None:
    """Serve a simulated judge with scripted faults, to rehearse what a provider may do to you."""
    from alignment_monitor.simulation import judge_server
    from alignment_monitor.simulation.judge import SENSITIVITY, SPECIFICITY
    from alignment_monitor.simulation.server.batches import BatchPlan
    from alignment_monitor.simulation.server.faults import FaultPlan, Latency
    from alignment_monitor.simulation.server.plans import PlanError

    truth = _truth(load_settings(home), labels)
    try:
        app = judge_server.build_app(
            truth,
            seed=seed,
            sensitivity=SENSITIVITY if sensitivity is None else sensitivity,
            specificity=SPECIFICITY if specificity is None else specificity,
            model=model or judge_server.MODEL,
            request_log=log,
            faults=FaultPlan.parse(faults),
            latency=Latency.parse(latency),
            state_folder=state_folder,
            batch=BatchPlan.parse(batch),
        )
    except (PlanError, OSError) as error:
        fail(str(error))
    _serve(app, port, port_file)


def _audited(
    begun: "Audit", settings: Settings, *, yes: bool, with_text: bool, as_json: bool
) -> str:
    """Forecast, confirmation, the audit, its card; gives the verdict."""
    from alignment_monitor.judging.engine import JudgingInterrupted
    from alignment_monitor.operations.audit import report as audit_report
    from alignment_monitor.operations.audit import run as audits
    from alignment_monitor.operations.audit import screen as audit_screen
    from alignment_monitor.operations.terminal import progress_bars
    from alignment_monitor.progress import report
    from alignment_monitor.store import StoreError, open_store

    aside = Console(stderr=True, highlight=False) if as_json else console
    try:
        store = open_store(settings.store_url)
    except StoreError as error:
        fail(str(error))
    before = audits.expected(begun, store)
    aside.print(audit_screen.announcement(begun, before))
    if before.calls and not begun.judge.simulated and not yes:
        _confirm(before.calls)
    try:
        with progress_bars(aside):
            result = audits.conduct(begun, store, lambda done, total: report("audit", done, total))
    except audits.AuditError as error:
        fail(f"The audit could not be made: {error}. Go on with it by --resume {begun.folder}")
    except JudgingInterrupted as stop:
        fail(f"The audit was {stop}. Go on with it by --resume {begun.folder}")
    page = audit_report.save(result, with_text=with_text)
    if as_json:
        data = audit_report.as_json(result, with_text=with_text)
        typer.echo(json.dumps(data, ensure_ascii=False, indent=1))
    else:
        console.print(audit_screen.card(result, page))
    if warning := audit_screen.failures(result):
        aside.print(warning)
    return result.card.verdict


def _typed() -> str:
    if sys.stdin.isatty():
        Console(stderr=True).print("A conversation, as lines of user: and assistant:, then Ctrl-D.")
    return sys.stdin.read()


def _confirm(calls: int) -> None:
    """Ask before money is spent; without a terminal to ask at, nothing is."""
    made = f"{calls:,} calls of a real judge"
    if not sys.stdin.isatty():
        fail(f"This would make {made}, and there is no terminal to ask at: add --yes.")
    if not typer.confirm(f"Make {made}?", err=True):
        console.print("Nothing was asked.")
        raise typer.Exit(1)


def _write_template(path: Path, rubric: "Rubric") -> None:
    from alignment_monitor.sources.gold import template

    if path.exists():
        fail(f"{path} is there already, and stays as it is.")
    try:
        path.write_text(template(rubric), encoding="utf-8")
    except OSError as error:
        fail(f"{path} cannot be written: {error.strerror}")
    console.print(f"Wrote {path}: one conversation a line; docs/judges.md explains each field.")


def _rubric(settings: Settings) -> "Rubric":
    from alignment_monitor.judging.rubric import RubricError, load_rubric

    try:
        return load_rubric(settings.judging.rubric, settings.rubrics)
    except RubricError as error:
        fail(f"{error}: mend judging.rubric")


def _truth(settings: Settings, labels: list[Path] | None) -> "Truth":
    from alignment_monitor.operations.labels import known_labels
    from alignment_monitor.sources.files import SourceFileError

    require_writable(settings.home)
    try:
        return known_labels(settings, labels or [])
    except (SourceFileError, OSError) as error:
        fail(str(error))


def _serve(app: Any, port: int, port_file: Path | None = None) -> None:
    from alignment_monitor.simulation.judge_server import serve

    if port:
        console.print(f"Simulated judge: export OPENAI_BASE_URL=http://127.0.0.1:{port}/v1")
    try:
        serve(app, port=port, port_file=port_file)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        fail(f"Port {port} cannot be used ({reason}): choose another with --port.")
