"""Who is told of an open alert, and when: silences, inhibition, reminders and escalation.

Here belong: the rules that decide on telling, as a pure function of the alerts, the silences and
the time. They look at what is, not at what has just happened: an alert that is held or silenced is
told as soon as nothing is in its way, whoever looks first. Here does not belong: when an alert
opens or ends (lifecycle).
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase

from alignment_monitor.alerting.alert import (
    ESCALATED,
    FIRING,
    INJECTION,
    REMINDER,
    REOPENED,
    Alert,
    Policy,
    Transition,
)


@dataclass(frozen=True)
class Silence:
    """Alerts that nobody is told of for a while.

    Attributes:
        silence_id: its name.
        who: who asked for it.
        reason: why.
        starts_at: first instant.
        ends_at: first instant at which it is over.
        type: pattern of the alert's type; null: any. As all patterns a name, or one with ``*``,
            ``?`` and ``[...]``; upper and lower case differ.
        severity: pattern of warn or page.
        family: pattern of the deployment family.
        behaviour: pattern of the question watched.
        series: pattern of the series.
    """

    silence_id: str
    who: str
    reason: str
    starts_at: datetime
    ends_at: datetime
    type: str | None = None
    severity: str | None = None
    family: str | None = None
    behaviour: str | None = None
    series: str | None = None

    def covers(self, alert: Alert, now: datetime) -> bool:
        """It is in force, and all its patterns match."""
        asked = (
            (self.type, alert.type),
            (self.severity, alert.severity),
            (self.family, alert.deployment_family),
            (self.behaviour, alert.behaviour),
            (self.series, alert.series),
        )
        matched = (
            wanted in (None, value) or (wanted is not None and fnmatchcase(value, wanted))
            for wanted, value in asked
        )
        return self.starts_at <= now < self.ends_at and all(matched)


def attend(
    alerts: Iterable[Alert],
    *,
    silences: Iterable[Silence] = (),
    policy: Policy,
    now: datetime,
    repeat: bool = False,
) -> list[Transition]:
    """Decide what is told of alerts as they stand.

    - A firing alert that a silence covers is silenced; one that no silence covers any more fires.
    - A firing alert of which there is something to tell (that it fires, or that a warning became a
      page) is told, unless another one explains it: then that one holds it, for some days.
    - One that comes back is told at once the first time; later, when it has lasted some days.
    - Where ``repeat`` is asked for, a page that nobody acknowledged is escalated, or told again.

    Nothing but the state of an alert keeps it from being told; so none is lost.

    Args:
        alerts: all open alerts; others change nothing.
        silences: those there are, in force or not.
        policy: how stubbornly people are told.
        now: current time.
        repeat: also tell again what was told before.

    Returns:
        What changed, ordered by series.
    """
    known = [alert for alert in alerts if alert.state != "resolved"]
    ruling = list(silences)
    standing = [_as_it_will_be(alert, ruling, now) for alert in known]
    steps = (
        _attended(alert, standing, ruling, policy, now, repeat)
        for alert in sorted(known, key=lambda alert: (alert.series, alert.alert_id))
    )
    return [step for step in steps if step.after != step.before]


def explains(other: Alert, alert: Alert) -> bool:
    """Another alert makes a MODEL alert doubtful: its judge changed, or its data is missing.

    A judge judges all families. An injection that succeeds spoils every behaviour. An alert that
    is silenced explains nothing: nobody is told of it.
    """
    if alert.type != "MODEL" or other.state not in ("firing", "acknowledged"):
        return False
    if other.type == "JUDGE":
        return other.behaviour in (alert.behaviour, INJECTION)
    return other.type == "PIPELINE" and other.deployment_family in (alert.deployment_family, "all")


def _as_it_will_be(alert: Alert, silences: Collection[Silence], now: datetime) -> Alert:
    """In the state in which the silences leave it, whichever alert is looked at first."""
    covered = any(one.covers(alert, now) for one in silences)
    moves = {("firing", True): "silenced", ("silenced", False): "firing"}
    return replace(alert, state=moves.get((alert.state, covered), alert.state))


def _attended(
    alert: Alert,
    known: Collection[Alert],
    silences: Collection[Silence],
    policy: Policy,
    now: datetime,
    repeat: bool,
) -> Transition:
    silence = next((one for one in silences if one.covers(alert, now)), None)
    if silence is not None and alert.state == "firing":
        after = replace(alert, state="silenced", held_by=None)
        note = f"silence {silence.silence_id}: {silence.reason}"
        return Transition(alert, after, who=silence.who, note=note)
    after, note = alert, ""
    if silence is None and alert.state == "silenced":
        after, note = replace(alert, state="firing"), "no silence covers it any more"
    if after.state != "firing":
        return Transition(alert, replace(after, held_by=None))
    if not _untold(after):
        after = replace(after, held_by=None)
        return _repeated(alert, after, policy, now, note) if repeat else _moved(alert, after, note)
    holders = [other for other in known if explains(other, after)]
    if holders and not _held_long(after, holders, policy):
        return _held(alert, after, holders, note)
    after = replace(after, held_by=None)
    if not _steady(after, policy):
        return _moved(alert, after, note)
    return _told(alert, after, now, note, holders)


def _untold(alert: Alert) -> bool:
    """People do not know that it fires, or that it is a page."""
    return alert.told is None or (alert.told == "warn" and alert.severity == "page")


def _steady(alert: Alert, policy: Policy) -> bool:
    """It is not one that comes and goes, or has lasted in spite of that."""
    if alert.told is not None or alert.told_at is None or alert.returns < 2:
        return True
    lasted = (alert.updated_on - alert.began_on).days + 1
    return lasted >= policy.steady_days


def _held_long(alert: Alert, holders: Collection[Alert], policy: Policy) -> bool:
    """Both have lasted so many days that it is told in spite of what explains it.

    By the days that count, not by the clock, so that days run late come to the same. Those of the
    holders count too: where data is missing, no day confirms the alert itself.
    """
    since = max(alert.began_on, min(holder.began_on for holder in holders))
    last = max(one.processed_on for one in (alert, *holders))
    return policy.hold_days is not None and (last - since).days >= policy.hold_days


def _moved(before: Alert, after: Alert, note: str) -> Transition:
    if before.held_by and not after.held_by:
        note = note or f"no longer held by {before.held_by}"
    return Transition(before, after, note=note)


def _held(before: Alert, after: Alert, holders: Collection[Alert], note: str) -> Transition:
    """Held by the alert that holds it already, if that still does."""
    names = sorted(holder.alert_id for holder in holders)
    holder = before.held_by if before.held_by in names else names[0]
    if holder != before.held_by:
        note = note or f"held by {holder}"
    return Transition(before, replace(after, held_by=holder), note=note)


def _told(
    before: Alert, after: Alert, now: datetime, note: str, doubts: Collection[Alert]
) -> Transition:
    """Told now; ``doubts`` are the alerts that explain it and have not ended."""
    again = after.told is not None
    event = REOPENED if after.told_at and not again else FIRING
    if before.held_by:
        note = note or f"no longer held by {before.held_by}"
    told = replace(
        after,
        told=after.severity,
        told_at=now,
        repeats=after.repeats + 1 if again else after.repeats,
    )
    caveat = ""
    if doubts:
        open_ = ", ".join(sorted(f"{other.type} {other.alert_id}" for other in doubts))
        caveat = f"What may explain it is open too: {open_}."
    return Transition(before, told, event=event, note=note, caveat=caveat)


def _repeated(before: Alert, after: Alert, policy: Policy, now: datetime, note: str) -> Transition:
    """A page that was told, and that nobody has acknowledged."""
    told_at, today = after.told_at, now.astimezone(UTC).date()
    if after.severity != "page" or told_at is None or after.repeats >= policy.repeat_limit:
        return _moved(before, after, note)
    hours, days = policy.escalate_after_hours, policy.renotify_days
    # Once each time that it is up, and once a day at most: deliveries are known by their day.
    last = after.escalated_at
    fresh = last is None or (last < told_at and last.astimezone(UTC).date() < today)
    if hours is not None and fresh and now - told_at >= timedelta(hours=hours):
        after = replace(after, escalated_at=now, repeats=after.repeats + 1)
        note = f"unacknowledged for {hours:g} hours"
        return Transition(before, after, event=ESCALATED, note=note, on=today)
    # Counted from the last one: after an outage two would be due at once.
    waited = now - max(told_at, after.reminded_at or told_at)
    if days is not None and after.reminders < policy.reminders and waited >= timedelta(days=days):
        after = replace(
            after, reminded_at=now, reminders=after.reminders + 1, repeats=after.repeats + 1
        )
        note = f"unacknowledged for {(now - told_at).days} days"
        return Transition(before, after, event=REMINDER, note=note, on=today)
    return _moved(before, after, note)
