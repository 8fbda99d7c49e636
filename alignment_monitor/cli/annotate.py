"""The command ``alignment-monitor annotate``: marks on the time line."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from alignment_monitor.cli.common import Home, console, fail, load_settings


def annotate(
    day: Annotated[
        datetime | None, typer.Argument(formats=["%Y-%m-%d"], help="The day marked.")
    ] = None,
    kind: Annotated[
        str | None, typer.Argument(help="deployment, incident, rubric, judge or note.")
    ] = None,
    label: Annotated[str | None, typer.Argument(help="What happened, in a few words.")] = None,
    details: Annotated[str, typer.Option(help="More of it.")] = "",
    family: Annotated[str | None, typer.Option(help="Deployment family; else all.")] = None,
    file: Annotated[
        Path | None, typer.Option("--import", help="CSV: day,kind,label,details,family.")
    ] = None,
    show: Annotated[bool, typer.Option("--list", help="Print all marks, and stop.")] = False,
    home: Home = None,
) -> None:
    """Mark a day, for charts and alerts: the same mark again replaces its details."""
    from alignment_monitor.operations import annotate as operation
    from alignment_monitor.store import StoreError
    from alignment_monitor.store.annotations import Mark

    settings = load_settings(home)
    try:
        if show:
            for line in list(operation.listed(settings)) or ["No day is marked."]:
                console.print(escape(line), soft_wrap=True)
            return
        if file is not None:
            marks = operation.read_marks(file)
        elif day and kind and label:
            marks = [Mark(day.date(), kind, label, details, family)]
        else:
            fail("Give DAY, KIND and LABEL, or --import FILE.csv, or --list.")
        count = operation.annotate(settings, marks)
    except (operation.AnnotationError, StoreError) as error:
        fail(str(error))
    console.print(f"Marked {count} {'day' if count == 1 else 'days'}.")
    for line in operation.unseen(settings, marks):
        console.print(escape(line), soft_wrap=True)
