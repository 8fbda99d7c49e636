"""The command ``alignment-monitor alert replay``: a decision computed again and compared."""

import json
from typing import Annotated

import typer
from rich.markup import escape

from alignment_monitor.cli.common import Home, console, fail, load_settings


def alert_replay(
    alerts: Annotated[
        list[str] | None, typer.Argument(help="Identifiers, or their beginnings.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All alerts there are.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    home: Home = None,
) -> None:
    """Recompute the decision that raised an alert; exits with 1 if any digit differs."""
    from alignment_monitor.judging.rubric import RubricError
    from alignment_monitor.operations.alert_replay import ReplayError, lines, replay_alerts
    from alignment_monitor.resources.warehouse import WarehouseError
    from alignment_monitor.store import StoreError

    if bool(alerts) == everything:
        fail("Name the alerts to replay, or give --all.")
    settings = load_settings(home)
    try:
        found = replay_alerts(settings, alerts or ())
    except (ReplayError, RubricError, StoreError, WarehouseError) as error:
        fail(str(error))
    if as_json:
        typer.echo(json.dumps([one.plain() for one in found], indent=2))
    else:
        for line in (line for one in found for line in lines(one)):
            console.print(escape(line), soft_wrap=True)
        if not found:
            console.print("There are no alerts.")
    if not all(one.equal for one in found):
        raise typer.Exit(1)
