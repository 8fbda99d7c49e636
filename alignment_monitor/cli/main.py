"""The command ``alignment-monitor``: each command is a few lines that call the package."""

import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alignment_monitor.cli.alert import alert_app
from alignment_monitor.cli.annotate import annotate
from alignment_monitor.cli.common import (
    Home,
    console,
    demo_home,
    fail,
    load_settings,
    require_writable,
    yesterday,
)
from alignment_monitor.cli.explain import explain
from alignment_monitor.cli.heartbeat import heartbeat
from alignment_monitor.cli.judge import judge_app
from alignment_monitor.cli.labels import labels_app
from alignment_monitor.cli.rebaseline import rebaseline
from alignment_monitor.cli.screener import screener_app
from alignment_monitor.cli.serve import dashboard, up
from alignment_monitor.settings import FILE_NAME, Settings, SettingsError, home_folder

if TYPE_CHECKING:
    from alignment_monitor.operations.forecast import Forecast

app = typer.Typer(
    help="Tells you when the language model you serve has become more sycophantic.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
app.command()(annotate)
app.command()(explain)
app.command()(heartbeat)
app.command()(rebaseline)
app.command()(dashboard)
app.command()(up)
app.add_typer(alert_app, name="alert")
app.add_typer(judge_app, name="judge")
app.add_typer(labels_app, name="labels")
app.add_typer(screener_app, name="screener")

DATES = ["%Y-%m-%d"]
LastDay = Annotated[
    datetime | None, typer.Option(formats=DATES, help="Last day of a replay; else yesterday.")
]
Day = Annotated[datetime | None, typer.Option(formats=DATES, help="The day; else yesterday.")]
First = Annotated[
    datetime | None, typer.Option("--from", formats=DATES, help="Else the first day received.")
]
Last = Annotated[
    datetime | None, typer.Option("--to", formats=DATES, help="Else the last day received.")
]


@app.command()
def demo(
    home: Home = None,
    seed: Annotated[int, typer.Option(help="Another seed, another history.")] = 7,
    days: Annotated[int, typer.Option(help="Days to simulate.", min=3)] = 60,
    dashboard: Annotated[bool, typer.Option(help="Start the dashboard at the end.")] = True,
) -> None:
    """Simulate 60 days with a known truth, run the whole pipeline, open the dashboard."""
    from alignment_monitor.operations import demo as steps
    from alignment_monitor.operations import terminal

    folder = demo_home(home)
    require_writable(folder)
    try:
        settings = steps.demo_settings(folder, days=days, seed=seed, last_day=yesterday())
    except SettingsError as error:
        fail(str(error))
    console.print(terminal.demo_banner())
    if (kept := steps.simulation(settings)) and (kept.seed, kept.days) != (seed, days):
        console.print(f"Kept seed {kept.seed} and {kept.days} days; remove {folder} for others.")
    if steps.is_complete(settings):
        console.print("All days are already there; nothing to run.")
    else:
        with terminal.progress_bars(console) as announce:
            outcome = steps.run_demo(settings, announce)
        _end(outcome.problems)
    console.print(terminal.findings(settings))
    if dashboard:
        terminal.offer_dashboard(console, settings)


@app.command()
def init(
    home: Home = None,
    simulated_judge: Annotated[
        bool, typer.Option("--simulated-judge", help="For `judge serve`: marked as simulated.")
    ] = False,
) -> None:
    """Write a commented monitor.yaml, with defaults that work."""
    from alignment_monitor.operations.starter import write_starter

    require_writable(home_folder(home))
    path, created = write_starter(home_folder(home), simulated=simulated_judge)
    console.print(f"{'Wrote' if created else 'Kept'} {path}")
    console.print(
        "Next: [bold]alignment-monitor doctor[/], then [bold]import[/] and [bold]backfill[/]."
    )


@app.command()
def doctor(home: Home = None) -> None:
    """Check configuration, keys, judges and folders, and say what to do."""
    from alignment_monitor.operations import terminal
    from alignment_monitor.operations.doctor import examine

    findings = examine(home_folder(home))
    console.print(terminal.diagnosis(findings))
    raise typer.Exit(any(finding.fatal for finding in findings))


@app.command(name="import")
def import_(
    path: Annotated[Path, typer.Argument(help="JSONL, JSONL.gz, JSON, Parquet or CSV.")],
    home: Home = None,
    replay: Annotated[bool, typer.Option(help="Spread undated conversations over days.")] = False,
    replay_days: Annotated[int, typer.Option(help="How many days a replay covers.", min=1)] = 60,
    last_day: LastDay = None,
    deployment: Annotated[str | None, typer.Option(help="For records that name none.")] = None,
    order: Annotated[str | None, typer.Option(help="Deployments in order: a,b,c")] = None,
) -> None:
    """Bring conversations in; what cannot be understood is kept with its reason."""
    from alignment_monitor.operations import terminal
    from alignment_monitor.sources.files import SourceFileError
    from alignment_monitor.sources.inbox import import_file

    settings = load_settings(home)
    require_writable(settings.home)
    try:
        report = import_file(
            path,
            settings,
            now=datetime.now(UTC),
            replay_days=replay_days if replay else None,
            last_day=last_day.date() if last_day else yesterday(),
            deployment=deployment,
            deployment_order=order.split(",") if order else None,
        )
    except SourceFileError as error:
        fail(str(error))
    console.print(terminal.import_report(path, report, settings, newest=yesterday()))


@app.command()
def run(day: Day = None, home: Home = None) -> None:
    """Run the pipeline for one day."""
    wanted, settings = day.date() if day else yesterday(), load_settings(home)
    _require_runnable(settings, wanted, wanted, asks=True)
    _run(settings, wanted, wanted)


@app.command()
def backfill(
    first: First = None,
    last: Last = None,
    home: Home = None,
    yes: Annotated[bool, typer.Option("--yes", help="Spend what it costs without asking.")] = False,
    forecast: Annotated[
        bool, typer.Option("--forecast", help="Say what it would cost, and stop.")
    ] = False,
) -> None:
    """Run the pipeline for a range of days, as one run; asks before it spends."""
    from alignment_monitor.operations import terminal
    from alignment_monitor.sources.inbox import received_days

    settings = load_settings(home)
    received = received_days(settings)
    if not received and not (first and last):
        fail("Nothing was imported yet: give --from and --to, or import a file first.")
    start = first.date() if first else received[0]
    if start > yesterday():
        fail(f"{start} is not over yet: a day can be run once it has ended in UTC.")
    end = last.date() if last else min(received[-1], yesterday())
    _require_runnable(settings, start, end, asks=not forecast)
    expected = _forecast(settings, start, end)
    console.print(terminal.forecast_panel(expected, start, end))
    if forecast:
        return
    if expected.calls and not yes:
        _confirm(terminal.spending(expected))
    _run(settings, start, end)


@app.command()
def deliver(home: Home = None) -> None:
    """Send what waits in the outbox; for cron, where no scheduler runs."""
    from alignment_monitor.operations import terminal
    from alignment_monitor.operations.pipeline import deliver_now

    settings = load_settings(home)
    _end(deliver_now(settings).problems)
    console.print(terminal.outbox(settings))


@app.command()
def status(home: Home = None) -> None:
    """What was monitored, what fires, what waits."""
    from alignment_monitor.operations import terminal

    settings = load_settings(home)
    console.print(terminal.findings(settings))
    console.print(terminal.outbox(settings))


def _require_runnable(settings: Settings, first: date, last: date, *, asks: bool) -> None:
    """End the command if the days cannot be run, or nobody can be asked who has to be."""
    from alignment_monitor.operations.doctor import missing_key

    if asks and (problem := missing_key(settings)):
        fail(problem)
    if first < settings.first_day:
        fail(
            f"{first} lies before first_day, {settings.first_day}: to monitor days from then on, "
            f"set first_day: {first} in {settings.home / FILE_NAME}."
        )
    if last > yesterday():
        fail(f"{last} is not over yet: a day can be run once it has ended in UTC.")
    if first > last:
        fail(f"The first day, {first}, comes after the last, {last}: turn them round.")
    require_writable(settings.home)


def _forecast(settings: Settings, first: date, last: date) -> "Forecast":
    from alignment_monitor.judging.money import UnknownPriceError
    from alignment_monitor.judging.rubric import load_rubric
    from alignment_monitor.operations.forecast import forecast_days
    from alignment_monitor.store import StoreError, open_store

    try:
        rubric = load_rubric(settings.judging.rubric, settings.rubrics)
    except ValueError as error:
        fail(f"{error}: mend judging.rubric")
    try:
        return forecast_days(settings, rubric, open_store(settings.store_url), first, last)
    except (UnknownPriceError, StoreError) as error:
        fail(str(error))


def _confirm(spending: str) -> None:
    """Ask before money is spent; without a terminal to ask at, nothing is."""
    if not sys.stdin.isatty():
        fail(f"This would make {spending}, and there is no terminal to ask at: add --yes.")
    if not typer.confirm(f"Make {spending}?"):
        console.print("Nothing was asked.")
        raise typer.Exit(1)


def _run(settings: Settings, first: date, last: date) -> None:
    from alignment_monitor.operations import terminal
    from alignment_monitor.operations.pipeline import run_days

    with terminal.progress_bars(console):
        outcome = run_days(settings, first, last)
    _end(outcome.problems)
    console.print(terminal.findings(settings))


def _end(problems: tuple[str, ...]) -> None:
    """Stop with the problems of a run, if it has any."""
    if problems:
        fail("The run failed:\n  " + "\n  ".join(problems))
