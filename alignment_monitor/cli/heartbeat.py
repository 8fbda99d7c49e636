"""The command ``alignment-monitor heartbeat``: for a cron that does not depend on the scheduler."""

from datetime import UTC, datetime
from math import inf
from typing import Annotated

import typer
from rich.markup import escape

from alignment_monitor.cli.common import Home, console, fail, load_settings


def heartbeat(
    max_age: Annotated[
        float | None,
        typer.Option(help="Hours since the newest monitored day ended; else as monitor.yaml says."),
    ] = None,
    home: Home = None,
) -> None:
    """Check that days are still monitored; if not, raise a PIPELINE alert and exit with 1."""
    from alignment_monitor.operations import heartbeat as operation
    from alignment_monitor.settings import SettingsError
    from alignment_monitor.store import StoreError

    if max_age is not None and not 0 <= max_age < inf:
        fail(f"--max-age is a number of hours, not {max_age:g}.")
    try:
        found = operation.heartbeat(load_settings(home), datetime.now(UTC), max_age)
    except (SettingsError, StoreError) as error:
        fail(str(error))
    console.print(escape(found.statement), soft_wrap=True)
    if found.stale:
        raise typer.Exit(1)
