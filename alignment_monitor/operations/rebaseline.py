"""Making a baseline anew: an expected change, or a rollback, becomes what is normal.

Here belong: what may be recorded, and what follows from it in words. Here does not belong: how the
record changes decisions (``statistics.epochs``) and alerts (``alerting.lifecycle``).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Connection, RowMapping, select

from alignment_monitor.alerting.alert import OF_TRAFFIC
from alignment_monitor.alerting.service import export_resets
from alignment_monitor.contracts import BASELINE_RESETS
from alignment_monitor.judging.rubric import load_rubric
from alignment_monitor.parquet import write_parquet
from alignment_monitor.resources import served
from alignment_monitor.settings import Settings
from alignment_monitor.store import is_there, open_store, schema
from alignment_monitor.store.resets import keep_resets, kept_resets
from alignment_monitor.store.texts import uncarried

LONGEST_REASON = 500


class RebaselineError(ValueError):
    """The baseline cannot be made anew like that; says what is wrong and what to do."""


@dataclass(frozen=True)
class Request:
    """What somebody asks for.

    Attributes:
        reason: why the change was expected.
        author: who says so.
        family: deployment family; null: that of the alert.
        behaviours: questions watched; none: that of the alert, or all.
        from_day: first day of the new normal; null: the day on which the alert says it began.
        alert_id: alert that this answers, or how its name begins.
    """

    reason: str
    author: str
    family: str | None = None
    behaviours: tuple[str, ...] = ()
    from_day: date | None = None
    alert_id: str | None = None


@dataclass(frozen=True)
class Recorded:
    """What was recorded, and what follows.

    Attributes:
        rows: rows of ``baseline_resets``.
        alerts: open alerts that it ends.
        baseline_days: days with data that make a baseline.
    """

    rows: tuple[dict[str, Any], ...]
    alerts: tuple[str, ...]
    baseline_days: int

    @property
    def watched_from(self) -> date:
        """First day that can be watched again, if all days from the first on have data."""
        row = self.rows[0]
        learned: date = row["from_day"] + timedelta(days=self.baseline_days)
        return max(learned, row["recorded_on"])


def rebaseline(settings: Settings, request: Request, *, now: datetime) -> Recorded:
    """Record that what a family has done since a day is the new normal.

    Args:
        settings: of the home.
        request: what is asked for.
        now: current time. Decisions on its day in UTC and on later ones use the new baseline.

    Raises:
        RebaselineError: what is asked for makes no sense.
        RubricError: the rubric of the settings cannot be used.
        StoreError: the operational store cannot be opened.
        WarehouseError: the deployments cannot be read.
    """
    reason = " ".join(request.reason.split())
    if not 0 < len(reason) <= LONGEST_REASON:
        raise RebaselineError(
            f"The reason has {len(reason)} characters: say in 1 to {LONGEST_REASON} why the change "
            "was expected; whoever reads the series later has nothing else."
        )
    for what, text in (("reason", reason), ("author", request.author)):
        if code := uncarried(text):
            raise RebaselineError(f"The {what} holds the control character {code}: leave it out.")
    today = now.astimezone(UTC).date()
    known = served.deployments(settings.warehouse)  # first: no store is made in a wrong place
    store = open_store(settings.store_url)
    try:
        with store.connect() as connection:
            asked = _completed(connection, request)
            family, first = _checked(settings, known, asked, today)
            common = {
                "deployment_family": family,
                "from_day": first,
                "recorded_on": today,
                "recorded_at": now,
                "author": request.author,
                "reason": reason,
                "alert_id": asked.alert_id,
            }
            rows = tuple({**common, "behaviour": name} for name in asked.behaviours or (None,))
            ending = _open_alerts(connection, family, asked.behaviours)
        keep_resets(store, rows)
        write_parquet(export_resets(store), settings.marts / f"{BASELINE_RESETS.name}.parquet")
    finally:
        store.dispose()
    return Recorded(rows, ending, settings.detection.baseline_days)


def record(settings: Settings) -> list[dict[str, Any]]:
    """All baselines that were made anew, in the order of recording.

    Raises:
        StoreError: the operational store cannot be opened.
    """
    if not is_there(settings.store_url):
        return []
    store = open_store(settings.store_url)
    try:
        with store.connect() as connection:
            return kept_resets(connection)
    finally:
        store.dispose()


def lines(recorded: Recorded) -> Iterator[str]:
    """What was recorded and what follows, as text."""
    row = recorded.rows[0]
    today = row["recorded_on"]
    yield "Recorded. " + told(row, [each["behaviour"] for each in recorded.rows])
    yield f"Days before {today} keep what was decided on them; {today} and later use the new one."
    yield (
        f"Watched again from {recorded.watched_from} at the earliest: when there are "
        f"{recorded.baseline_days} days with data since {row['from_day']}. Until then no change "
        "is called, and which change could be found is not known."
    )
    if recorded.alerts:
        yield (
            f"Ends as re-baselined with the run of {today} or of the next day that is run: "
            + ", ".join(recorded.alerts)
        )


def told(row: dict[str, Any], behaviours: list[str | None] | None = None) -> str:
    """A reset in one sentence."""
    named = [name for name in behaviours or [row["behaviour"]] if name]
    what = ", ".join(named) or "all behaviours"
    return (
        f"{row['deployment_family']}, {what}: normal is what it does from {row['from_day']} on "
        f"(recorded {row['recorded_on']} by {row['author']}"
        + (f", for alert {row['alert_id']}" if row["alert_id"] else "")
        + f"): {row['reason']}"
    )


def _completed(connection: Connection, request: Request) -> Request:
    """The request with what its alert says."""
    if request.alert_id is None:
        return request
    alert = _named(connection, request.alert_id.strip())
    name = alert["alert_id"]
    if alert["type"] not in OF_TRAFFIC:
        raise RebaselineError(
            f"Alert {name} is of type {alert['type']}: only a rate of traffic has a "
            "baseline that can be made anew."
        )
    family = alert["deployment_family"]
    if request.family not in (None, family):
        raise RebaselineError(
            f"Alert {name} is about {family}, not {request.family}: leave one out."
        )
    began = json.loads(alert["evidence"]).get("start_day")
    default = date.fromisoformat(began) if began else alert["opened_on"]
    return replace(
        request,
        alert_id=name,
        family=family,
        behaviours=request.behaviours or (alert["behaviour"],),
        from_day=request.from_day or default,
    )


def _named(connection: Connection, name: str) -> RowMapping:
    """The alert of that name, or the only one whose name begins so: lists show beginnings."""
    column = schema.alerts.c.alert_id
    wanted = select(schema.alerts).where(column.startswith(name, autoescape=True)).order_by(column)
    found = list(connection.execute(wanted).mappings()) if name else []
    exact = [alert for alert in found if alert["alert_id"] == name]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if found:
        several = ", ".join(alert["alert_id"] for alert in found[:5])
        raise RebaselineError(f"Several alerts begin with {name!r}, such as {several}: give more.")
    known = _open_alerts(connection, None, ())
    there = "open are: " + ", ".join(known) if known else "none of a model is open"
    raise RebaselineError(f"There is no alert {name!r}; {there}.")


def _checked(
    settings: Settings, served: pd.DataFrame, request: Request, today: date
) -> tuple[str, date]:
    """Family and first day, if they and the behaviours are ones that there are."""
    if request.family is None or request.from_day is None:
        raise RebaselineError("Give the family and --from-day, or --alert, which knows both.")
    first_days = served.groupby("deployment_family")["first_day"].min()
    begun = {str(family): day.date() for family, day in first_days.items()}
    if request.family not in begun:
        raise RebaselineError(
            f"No deployment family is called {request.family!r}; there are: "
            + (", ".join(sorted(begun)) or "none, as nothing was run yet")
        )
    rubric = load_rubric(settings.judging.rubric, settings.rubrics)
    watched = settings.detection.behaviours or rubric.monitored
    if unknown := sorted(set(request.behaviours) - {*watched, *rubric.opportunities}):
        raise RebaselineError(f"Not watched: {', '.join(unknown)}; watched: {', '.join(watched)}")
    if request.from_day > today:
        raise RebaselineError(
            f"{request.from_day} lies in the future: give the first day of the new normal, {today} "
            "at the latest."
        )
    first = begun[request.family]
    if request.from_day < first:
        raise RebaselineError(
            f"{request.family} began on {first}: give the first day on which its behaviour was the "
            "new one, or that day to go back to its first baseline."
        )
    return request.family, request.from_day


def _open_alerts(
    connection: Connection, family: str | None, behaviours: tuple[str, ...]
) -> tuple[str, ...]:
    """Open alerts on rates of traffic; null and none: of any family, any behaviour."""
    table = schema.alerts
    query = select(table.c.alert_id).where(
        table.c.type.in_(OF_TRAFFIC), table.c.state != "resolved"
    )
    if family is not None:
        query = query.where(table.c.deployment_family == family)
    if behaviours:
        query = query.where(table.c.behaviour.in_(behaviours))
    return tuple(connection.execute(query.order_by(table.c.alert_id)).scalars())
