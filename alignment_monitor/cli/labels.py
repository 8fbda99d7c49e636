"""The commands ``alignment-monitor labels ...``: what people label next, out as files and back."""

import math
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from alignment_monitor.cli.common import Home, console, fail, load_settings, require_writable
from alignment_monitor.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from alignment_monitor.judging.rubric import Rubric
    from alignment_monitor.operations.labelling.given import Overview

labels_app = typer.Typer(help="Labels by people: queue, export, import.", no_args_is_help=True)

DATES = ["%Y-%m-%d"]
MOST_SHOWN = 20


class Form(StrEnum):
    """How labels are written."""

    jsonl = "jsonl"
    csv = "csv"


@labels_app.command("queue")
def labels_queue(
    n: Annotated[int, typer.Option("--n", help="How many, on average.", min=1)] = 50,
    first: Annotated[
        datetime | None,
        typer.Option("--from", formats=DATES, help="Else the last seven judged days."),
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=DATES, help="Else the last judged day.")
    ] = None,
    home: Home = None,
) -> None:
    """Draw judged messages to be labelled; the same days again add only what a larger --n asks."""
    from alignment_monitor.operations.labelling.queue import LabellingError, queue_labels
    from alignment_monitor.store import StoreError

    settings, rubric, store = _opened(home)
    start, end = (day.date() if day else None for day in (first, last))
    if start and end and start > end:
        fail(f"The first day, {start}, comes after the last, {end}: turn them round.")
    try:
        made = queue_labels(
            settings, rubric, store, n, first=start, last=end, now=datetime.now(UTC)
        )
    except (LabellingError, StoreError) as error:
        fail(str(error))
    table = _table(f"Drawn from {made.first} to {made.last}", "judged as", "messages", "drawn")
    for stratum, count in sorted(made.judged.items()):
        table.add_row(_named(stratum), f"{count:,}", f"{made.drawn[stratum]:,}")
    console.print(table)
    console.print(
        f"{made.new:,} of them are new to the queue. Next: alignment-monitor labels export --queue"
    )


@labels_app.command("export")
def labels_export(
    form: Annotated[Form, typer.Option("--format", help="csv is for spreadsheets.")] = Form.jsonl,
    queue: Annotated[
        bool, typer.Option("--queue", help="What is still to be labelled, with blank labels.")
    ] = False,
    annotator: Annotated[
        str, typer.Option(help="With --queue: for whom, also what others have labelled.")
    ] = "",
    out: Annotated[Path | None, typer.Option(help="File to write; else standard output.")] = None,
    home: Home = None,
) -> None:
    """Write labels, or conversations to be labelled, blind to verdict, date and model."""
    from alignment_monitor.operations.labelling.files import export_labels

    settings, rubric, store = _opened(home, reads=True)
    if out and out.exists():
        fail(f"{out} is there already, and stays as it is.")
    made = export_labels(
        settings, rubric, store, form.value, queue=queue, annotator=annotator.strip()
    )
    aside = Console(stderr=True, highlight=False)
    if made.missing:
        aside.print(
            f"[yellow]![/] {made.missing:,} messages are left out: "
            "their conversations are no longer among the marts."
        )
    if not made.conversations:
        fail(
            "Nothing waits in the queue: draw by `alignment-monitor labels queue`."
            if queue
            else "No labels were given yet: `alignment-monitor labels import FILE` brings them in."
        )
    if out is None:
        typer.echo(made.text, nl=False)
        return
    try:
        # Spreadsheets take CSV for UTF-8 only by its mark.
        mark = "utf-8-sig" if form is Form.csv else "utf-8"
        out.write_text(made.text, encoding=mark, newline="")
    except OSError as error:
        fail(f"{out} cannot be written: {error.strerror}")
    console.print(
        f"Wrote {escape(str(out))}: {made.messages:,} messages of {made.conversations:,} "
        "conversations; docs/labels.md explains each field.",
        soft_wrap=True,
    )


@labels_app.command("import")
def labels_import(
    file: Annotated[Path, typer.Argument(help="What `export` wrote, filled in: JSONL or CSV.")],
    annotator: Annotated[str, typer.Option(help="Who gave the labels that name nobody.")] = "",
    home: Home = None,
) -> None:
    """Bring labels in; what is wrong is named by line and left out, all else is kept."""
    from alignment_monitor.operations.labelling.files import import_labels
    from alignment_monitor.sources.files import SourceFileError
    from alignment_monitor.store import StoreError

    settings, rubric, store = _opened(home)
    try:
        made = import_labels(
            file, settings, rubric, store, annotator=annotator.strip(), now=datetime.now(UTC)
        )
    except (SourceFileError, StoreError) as error:
        fail(str(error))
    counts = made.counts
    console.print(
        f"{escape(file.name)}: {counts['new']:,} labels new, {counts['changed']:,} changed, "
        f"{counts['unchanged']:,} unchanged; {made.blank:,} messages still blank.",
        soft_wrap=True,
    )
    for problem in made.problems[:MOST_SHOWN]:
        console.print(f"[yellow]![/] {escape(problem)}", soft_wrap=True)
    if (hidden := len(made.problems) - MOST_SHOWN) > 0:
        console.print(f"... and {hidden:,} more")
    raise typer.Exit(int(bool(made.problems)))


@labels_app.command("status")
def labels_status(home: Home = None) -> None:
    """Who labelled how much, what is open, and how far annotators agree."""
    from alignment_monitor.operations.labelling.given import overview

    _, rubric, store = _opened(home, reads=True)
    found = overview(rubric, store)
    for table in _status(found, rubric):
        console.print(table)
    if not found.queue:
        console.print("Nothing is queued: draw by `alignment-monitor labels queue`.")


@labels_app.command("estimate")
def labels_estimate(
    last: Annotated[
        datetime | None, typer.Option("--to", formats=DATES, help="Else the last judged day.")
    ] = None,
    window: Annotated[int, typer.Option("--window", help="Days up to it.", min=7)] = 28,
    home: Home = None,
) -> None:
    """Rates from people's labels, with intervals, beside those that the judges alone give."""
    from alignment_monitor.operations.labelling.estimate import estimate_from_labels
    from alignment_monitor.operations.labelling.queue import LabellingError
    from alignment_monitor.resources.warehouse import WarehouseError

    settings, rubric, store = _opened(home, reads=True)
    end = last.date() if last else None
    try:
        rows = estimate_from_labels(settings, rubric, store, last=end, window_days=window)
    except (LabellingError, WarehouseError) as error:
        fail(str(error))
    tables: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        tables.setdefault((row["deployment_family"], row["panel"]), []).append(row)
    panels = len({panel for _, panel in tables})
    for (_, panel), of_panel in tables.items():
        console.print(_rates(of_panel, rubric))
        if panels > 1:
            console.print(f"Judged by {escape(panel)}.")
    console.print("Of messages with the opportunity, as people see it; docs/method.md says how.")


def _rates(rows: list[dict[str, Any]], rubric: "Rubric") -> Table:
    """Rates of one family; why there is none stands where the interval would."""
    first = rows[0]
    judged = max(row["judged"] for row in rows)
    table = _table(
        f"{first['deployment_family']}: {first['mode']}, {first['window_days']} days to "
        f"{first['day']}, {judged:,} messages judged",
        "question", "rate", "95 % interval", "judges alone", "labels",
    )  # fmt: skip
    for row in rows:
        known = row["prevalence"] is not None
        between = f"{100 * row['lower']:.1f} to {100 * row['upper']:.1f} %" if known else None
        table.add_row(
            escape(rubric.title_of(row["behaviour"])),
            _share(row["prevalence"]),
            between or row["reason"] or "",
            _share(row["judged_prevalence"]),
            f"{row['labels']:,}",
        )
    return table


def _share(value: float | None) -> str:
    return "unknown" if value is None else f"{100 * value:.1f} %"


def _status(found: "Overview", rubric: "Rubric") -> list[Table]:
    queue = _table("Queue", "judged as", "open", "done")
    for stratum, (waiting, done) in found.queue.items():
        queue.add_row(_named(stratum), f"{waiting:,}", f"{done:,}")
    people = _table("Labels", "annotator", "messages", "last (UTC)")
    for name, (count, last) in found.annotators.items():
        people.add_row(escape(name), f"{count:,}", f"{last:%Y-%m-%d %H:%M}")
    agreement = _table("Krippendorff's alpha", "question", "alpha", "95 % interval", "messages")
    for question, figure in found.agreement.items():
        ends = f"{figure.lower:.2f} to {figure.upper:.2f}"
        agreement.add_row(
            rubric.title_of(question),
            "unknown" if math.isnan(figure.value) else f"{figure.value:.2f}",
            "unknown" if math.isnan(figure.lower) else ends,
            f"{figure.n:,}",
        )
    return [table for table in (queue, people, agreement) if table.row_count]


def _table(title: str, first: str, *others: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table


def _named(stratum: str) -> str:
    """A stratum in words: positive, judges differ; of a burst, what it is drawn for."""
    seen, _, about = stratum.partition("|")
    more = {"split": ", judges differ", "agreed": ""}.get(about, f", suspected {about}")
    return (seen + more).replace("_", " ")


def _opened(home: Path | None, *, reads: bool = False) -> tuple[Settings, "Rubric", "Engine"]:
    """The settings, rubric and store of a home, or the end of the command.

    Args:
        home: of the command.
        reads: make nothing; where no store is, an empty one stands for it.
    """
    from alignment_monitor.judging.rubric import RubricError, load_rubric
    from alignment_monitor.store import StoreError, is_there, open_store

    settings = load_settings(home)
    if not reads or settings.home.exists():
        require_writable(settings.home)
    url = settings.store_url
    try:
        rubric = load_rubric(settings.judging.rubric, settings.rubrics)
        return settings, rubric, open_store("sqlite://" if reads and not is_there(url) else url)
    except RubricError as error:
        fail(f"{error}: mend judging.rubric")
    except StoreError as error:
        fail(str(error))
