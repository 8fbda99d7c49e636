"""The commands ``alignment-monitor alert ...``: what fires, and what people do about it."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.markup import escape
from rich.table import Table

from alignment_monitor.cli import alert_words
from alignment_monitor.cli.alert_replay import alert_replay
from alignment_monitor.cli.alert_test import send_test
from alignment_monitor.cli.common import Home, console, fail, load_settings, user

if TYPE_CHECKING:
    from alignment_monitor.alerting.attention import Silence
    from alignment_monitor.alerting.desk import Desk

alert_app = typer.Typer(help="Alerts: what fires, and what to do about it.", no_args_is_help=True)
alert_app.command("replay")(alert_replay)
alert_app.command("test")(send_test)

Id = Annotated[str, typer.Argument(help="Name of the alert, or as much of it as is unambiguous.")]
Who = Annotated[str | None, typer.Option("--who", help="Who does it; else the user.")]
Note = Annotated[str, typer.Option("--note", help="For whoever reads it later.")]
Json = Annotated[bool, typer.Option("--json", help="As JSON; docs/alerts.md explains each field.")]
Pattern = Annotated[str | None, typer.Option(help="A name, or a pattern with * and ?.")]
_T = TypeVar("_T")
TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]


class Verdict(StrEnum):
    """What an alert was."""

    true_drift = "true_drift"
    expected_change = "expected_change"
    false_alarm = "false_alarm"


@alert_app.command("list")
def alert_list(
    state: Annotated[
        list[str] | None, typer.Option(help="May be given several times, or all; else open ones.")
    ] = None,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """What is open, pages before warnings; silences; and how often alerts were right."""
    from alignment_monitor.contracts import ALERT_STATES
    from alignment_monitor.operations import alerts

    with _failing():
        wanted = ALERT_STATES if state and "all" in state else tuple(state or alerts.OPEN)
        with alerts.opened(load_settings(home)) as engine:
            found = alerts.listing(engine, wanted, datetime.now(UTC))
    if as_json:
        _json(found)
        return
    if not found["alerts"]:
        console.print("No alert is open." if not state else "No alert is in that state.")
    else:
        console.print(_listed(found["alerts"]))
    for silence in found["silences"]:
        _say(alert_words.silence(silence))
    for row in found["precision"]:
        if row["type"] == "all" and row["n"]:
            _say(alert_words.precision(row))


@alert_app.command("show")
def alert_show(alert_id: Id, as_json: Json = False, home: Home = None) -> None:
    """One alert: what it says and rests on, what was done, what was sent."""
    from alignment_monitor.operations import alerts

    with _failing(), alerts.opened(load_settings(home)) as engine:
        found = alerts.shown(engine, alert_id, datetime.now(UTC))
    if as_json:
        _json(found)
        return
    for line in alert_words.shown(found):
        _say(line)


@alert_app.command("ack")
def alert_ack(alert_id: Id, note: Note = "", who: Who = None, home: Home = None) -> None:
    """Say that you look after an alert: it is not escalated, and nobody is reminded."""
    alert = _act(home, who, lambda desk: desk.acknowledge(alert_id, note))
    _say(f"Acknowledged {alert.alert_id}.")


@alert_app.command("silence")
def alert_silence(
    reason: Annotated[str, typer.Option(help="Why.")],
    lasting: Annotated[str | None, typer.Option("--for", help="90m, 12h, 3d or 2w.")] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=TIMES, help="Else an end, in UTC.")
    ] = None,
    kind: Annotated[str | None, typer.Option("--type", help="MODEL, JUDGE, ...; or *.")] = None,
    severity: Pattern = None,
    family: Pattern = None,
    behaviour: Pattern = None,
    series: Pattern = None,
    who: Who = None,
    home: Home = None,
) -> None:
    """Let nobody be told of matching alerts for a while; all that is given must match."""
    from alignment_monitor.operations import alerts

    patterns = {
        "type": kind, "severity": severity, "family": family, "behaviour": behaviour,
        "series": series,
    }  # fmt: skip

    def act(desk: "Desk") -> tuple["Silence", int]:
        ends_at = alerts.end_of_silence(lasting, until, desk.now)
        made = desk.silence(patterns, ends_at, reason)
        return made, alerts.covered(desk.engine, made, desk.now)

    silence, count = _act(home, who, act)
    _say(
        f"Silence {silence.silence_id} until {silence.ends_at:%Y-%m-%d %H:%M} UTC. Open alerts "
        f"that it covers now: {count or 'none, so look whether the names are right'}."
    )


@alert_app.command("unsilence")
def alert_unsilence(
    silence_id: Annotated[str, typer.Argument(help="Name of the silence, or the start of it.")],
    who: Who = None,
    home: Home = None,
) -> None:
    """End a silence now; what still fires and was not told is told."""
    _say(f"Silence {_act(home, who, lambda desk: desk.unsilence(silence_id))} has ended.")


@alert_app.command("comment")
def alert_comment(
    alert_id: Id,
    text: Annotated[str, typer.Argument(help="What to remember.")],
    who: Who = None,
    home: Home = None,
) -> None:
    """Add a remark to an alert."""
    _say(f"Noted on {_act(home, who, lambda desk: desk.comment(alert_id, text))}.")


@alert_app.command("resolve")
def alert_resolve(
    alert_id: Id,
    verdict: Annotated[Verdict, typer.Option("--as", help="What it was.")],
    note: Note = "",
    who: Who = None,
    home: Home = None,
) -> None:
    """End an alert and say what it was, which is how the precision of alerts is measured."""
    from alignment_monitor.operations import alerts

    alert = _act(home, who, lambda desk: desk.resolve(alert_id, verdict.value, note))
    _say(f"Resolved {alert.alert_id} as {verdict.value}.")
    if command := alerts.next_step(alert):
        _say(f"To make it the new normal: {command}")


@alert_app.command("deliveries")
def alert_deliveries(as_json: Json = False, home: Home = None) -> None:
    """What was sent to whom, newest first."""
    from alignment_monitor.operations import alerts

    with _failing(), alerts.opened(load_settings(home)) as engine, engine.connect() as connection:
        found = alerts.delivery_rows(connection)
    if as_json:
        _json({"deliveries": found})
        return
    if not found:
        console.print("Nothing was sent: no alert changed, or no channel is set up.")
        return
    # Lines, not a table: that would cut names, and they are there to be given to other commands.
    for row in found:
        at, event = row["created_at"][:16].replace("T", " "), row["event"].removeprefix("alert.")
        error = f": {row['last_error']}" if row["last_error"] else ""
        of = f" of alert {row['alert_id']}" if row["alert_id"] else ""
        _say(
            f"{row['delivery_id']}  {at}  {event}{of} to {row['channel']}, {row['status']} "
            f"after {row['attempts']} attempts{error}"
        )


@alert_app.command("redeliver")
def alert_redeliver(
    delivery: Annotated[
        str | None, typer.Argument(help="Name of one, or the start of it; else all dead ones.")
    ] = None,
    channel: Annotated[str | None, typer.Option(help="Only of this channel.")] = None,
    who: Who = None,
    home: Home = None,
) -> None:
    """Queue dead deliveries again, unless what came after them was told already."""
    from alignment_monitor.operations import alerts

    if delivery is not None:
        queued = _act(home, who, lambda desk: desk.redeliver(delivery, channel))
        _say(f"Queued {queued} again; `alignment-monitor deliver` sends it now.")
        return
    settings = load_settings(home)
    with _failing(), alerts.opened(settings) as engine:
        again, over = alerts.redeliver_dead(settings, engine, channel, datetime.now(UTC))
    told = f"{again} dead deliveries wait to be sent again"
    if over:
        told += f"; {over} stay dead, for what came after them was told already"
    _say(told)


def _act(home: Any, who: str | None, act: "Callable[[Desk], _T]") -> _T:
    from alignment_monitor.operations import alerts

    with _failing(), alerts.working(load_settings(home), who or user(), datetime.now(UTC)) as desk:
        return act(desk)


@contextmanager
def _failing() -> Iterator[None]:
    """End the command with what is wrong and what to do."""
    from alignment_monitor.alerting.desk import DeskError
    from alignment_monitor.settings import SettingsError
    from alignment_monitor.store import StoreError

    try:
        yield
    except (DeskError, SettingsError, StoreError) as error:
        fail(str(error))


def _listed(rows: Sequence[dict[str, Any]]) -> Table:
    table = Table("alert", "", "state", "since", "what")
    for row in rows:
        state = row["state"] + (f", held by {row['held_by'][:8]}" if row["held_by"] else "")
        severity = "[red]page[/]" if row["severity"] == "page" else "warn"
        since = row["returned_on"] or row["opened_on"]
        told = row["statement"] + (f" ({row['reason']})" if row["reason"] else "")
        table.add_row(row["alert_id"][:8], severity, state, since, escape(told))
    return table


def _json(found: Any) -> None:
    typer.echo(json.dumps(found, indent=2, ensure_ascii=False))


def _say(line: str) -> None:
    console.print(escape(line), soft_wrap=True)
