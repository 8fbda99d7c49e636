"""The command ``alignment-monitor rebaseline``: what was a change is now normal."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.markup import escape

from alignment_monitor.cli.common import Home, console, fail, load_settings, user


def rebaseline(
    family: Annotated[
        str | None, typer.Argument(help="Deployment family; with --alert that of the alert.")
    ] = None,
    from_day: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="First day of the new normal."),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why the change was expected.")] = "",
    behaviour: Annotated[
        list[str] | None, typer.Option(help="May be given several times; else all.")
    ] = None,
    alert: Annotated[str | None, typer.Option(help="Alert that this answers.")] = None,
    author: Annotated[str | None, typer.Option(help="Who says so; else the user.")] = None,
    show: Annotated[bool, typer.Option("--list", help="Print the record, and stop.")] = False,
    home: Home = None,
) -> None:
    """Make a baseline anew after an expected change or a rollback; recorded with its reason."""
    from alignment_monitor.judging.rubric import RubricError
    from alignment_monitor.operations import rebaseline as operation
    from alignment_monitor.resources.warehouse import WarehouseError
    from alignment_monitor.store import StoreError

    try:
        settings = load_settings(home)
        if show:
            told = [operation.told(row) for row in operation.record(settings)]
            _say(told or ["No baseline was made anew."])
            return
        request = operation.Request(
            reason=reason,
            author=author or user(),
            family=family,
            behaviours=tuple(behaviour or ()),
            from_day=from_day.date() if from_day else None,
            alert_id=alert,
        )
        _say(operation.lines(operation.rebaseline(settings, request, now=datetime.now(UTC))))
    except (operation.RebaselineError, RubricError, StoreError, WarehouseError) as error:
        fail(str(error))


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        console.print(escape(line), soft_wrap=True)
