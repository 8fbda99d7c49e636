"""The command ``alignment-monitor explain``: the arithmetic of one decision."""

from datetime import datetime
from typing import Annotated

import typer
from rich.markup import escape

from alignment_monitor.cli.common import Home, console, fail, load_settings


def explain(
    series: Annotated[str, typer.Argument(help="type/family/behaviour/direction, of a rate.")],
    day: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="Day decided on.")],
    home: Home = None,
) -> None:
    """Recompute a decision from stored daily statistics, and print its arithmetic step by step."""
    from alignment_monitor.detection.explanation import ExplanationError
    from alignment_monitor.judging.rubric import RubricError
    from alignment_monitor.operations.explain import explain_decision, lines
    from alignment_monitor.resources.warehouse import WarehouseError
    from alignment_monitor.store import StoreError

    settings = load_settings(home)
    try:
        told = explain_decision(settings, series, day.date())
    except (ExplanationError, RubricError, StoreError, WarehouseError) as error:
        fail(str(error))
    for place, line in enumerate(lines(told)):
        head = place == 0 or line.endswith(":")
        console.print(f"[bold]{escape(line)}[/]" if head else f"  {escape(line)}", soft_wrap=True)
    if told.differing:
        raise typer.Exit(1)
