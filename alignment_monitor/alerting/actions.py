"""What a person does to an alert, as pure functions.

Here belong: which acts the state of an alert allows, and what they make of it. Here does not
belong: keeping them (desk), or what days do (lifecycle). Silences are values of their own
(attention): they match alerts that come later too.
"""

from dataclasses import replace
from datetime import UTC, datetime

from alignment_monitor.alerting.alert import ACKNOWLEDGED, VERDICTS, Alert, Transition


class NotAllowedError(ValueError):
    """A person asked for what the state of the alert does not allow; says what to do instead."""


def acknowledge(alert: Alert, *, who: str, note: str = "") -> Transition:
    """Somebody has seen it and looks after it: it is told again only if it becomes a page.

    Where people were told of it, receivers that can act on that learn it: see ``outbox.enqueue``.

    Raises:
        NotAllowedError: the alert is not one that fires.
    """
    if alert.state not in ("firing", "silenced"):
        why = {
            "pending": "only warns: nobody was told of it, so there is nothing to acknowledge",
            "acknowledged": "is acknowledged already",
            "resolved": "has ended",
        }[alert.state]
        raise NotAllowedError(f"Alert {alert.alert_id} {why}.")
    after = replace(alert, state="acknowledged", held_by=None)
    event = ACKNOWLEDGED if alert.told is not None else None
    return Transition(alert, after, who=who, note=note, event=event)


def resolve(alert: Alert, verdict: str, *, who: str, now: datetime, note: str = "") -> Transition:
    """Somebody ends it, and says what it was.

    An alert that has ended takes a verdict too, and another one in its place: that is how it
    counts for the measured precision.

    Raises:
        NotAllowedError: there is no such verdict, or the alert never fired.
    """
    if verdict not in VERDICTS:
        raise NotAllowedError(f"An alert ends as one of {', '.join(VERDICTS)}, not as {verdict!r}.")
    if alert.fired_on is None:
        raise NotAllowedError(
            f"Alert {alert.alert_id} never fired: a warning ends by itself, and is not judged."
        )
    note = f"{verdict}: {note}" if note else verdict
    if alert.state == "resolved":
        return Transition(alert, replace(alert, resolution=verdict), who=who, note=note)
    today = max(now.astimezone(UTC).date(), alert.processed_on)
    after = alert.ended(today, verdict).disturbed()
    return Transition(alert, after, who=who, note=note, event=alert.end_event)
