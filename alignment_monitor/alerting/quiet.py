"""When an alert about which nothing more is found has ended.

Here belong: which days are quiet, how they are counted, and how many are enough. Here does not
belong: what any other day does to an alert (lifecycle).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from alignment_monitor.alerting.alert import OF_TRAFFIC, Alert, Policy, Signal


def is_quiet(signal: Signal) -> bool:
    """Nothing was found by a detector that could have found something."""
    blind = ("no_data",) if signal["type"] == "PIPELINE" else ("no_data", "baseline")
    return signal["decision"] == "NONE" and signal["phase"] not in blind


def quieter(alert: Alert, day: date, deployed: Sequence[date]) -> Alert:
    """The alert after one quiet day more.

    Quiet days from before a deployment say nothing of what it ended: the weak change that hid on
    them may hide on. So those since the first deployment after the alert began have a count of
    their own.

    Args:
        alert: open, as the day before left it.
        day: the quiet day.
        deployed: days on which a deployment of its family began, or an earlier one came back.
    """
    answered = any(alert.began_on < start <= day for start in deployed)
    return replace(
        alert,
        processed_on=day,
        quiet_days=alert.quiet_days + 1,
        quiet_since_deployment=alert.quiet_since_deployment + 1 if answered else 0,
    )


def is_over(alert: Alert, policy: Policy) -> bool:
    """It was quiet for long enough; a shorter time is enough where something may have ended it."""
    if alert.type == "PIPELINE":
        return True
    if alert.type in OF_TRAFFIC and alert.fired_on is not None:
        faded = alert.quiet_days >= policy.days_to_fade
        return faded or alert.quiet_since_deployment >= policy.days_to_resolve
    return alert.quiet_days >= policy.days_to_resolve
