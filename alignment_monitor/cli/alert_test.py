"""The command ``alert test``: a message through a channel, the way every alert goes."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.markup import escape

from alignment_monitor.cli.common import Home, console, fail, load_settings


def send_test(
    channel: Annotated[str, typer.Argument(help="Its name in monitor.yaml.")],
    home: Home = None,
) -> None:
    """Send a message that says it is a test, the way every alert goes."""
    from alignment_monitor.alerting.outlets import named, open_channels
    from alignment_monitor.alerting.trial import try_channel
    from alignment_monitor.store import StoreError, open_store

    settings = load_settings(home)
    channels = open_channels(settings)
    way = named(channels, channel)
    if way is None:
        names = ", ".join(one.name for one in channels) or "none"
        fail(f"There is no channel {channel!r} under alerts.channels; there are: {names}")
    try:
        engine = open_store(settings.store_url)
        outcome = try_channel(
            engine, way, dashboard_url=settings.dashboard_url, now=datetime.now(UTC)
        )
    except StoreError as error:
        fail(str(error))
    if outcome.problem is not None:
        told = escape(f"{channel} did not take the test: {outcome.problem}")
        console.print(f"[red]✗[/] {told}", soft_wrap=True)
        raise typer.Exit(1)
    told = escape(f"{channel} took the test {outcome.delivery_id} in {outcome.seconds:.1f} s")
    console.print(f"[green]✓[/] {told}: look for it there", soft_wrap=True)
