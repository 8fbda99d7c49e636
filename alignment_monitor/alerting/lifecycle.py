"""When an alert opens, lasts and ends: a pure function of the signals of one day.

Here belong: the states of an alert and what moves it between them. Here does not belong: how an
alert is kept (service), what it says (evidence) or how it is told (outbox, channels).
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, NamedTuple

FIRING = "alert.firing"
RESOLVED = "alert.resolved"
DAYS_TO_RESOLVE = 7
QUIET = "quiet"
REBASELINED = "re-baselined"
"""Why an alert ended: nothing was found any more, or what was found was declared normal."""

_FIRES = ("PAGE", "INDETERMINATE", "UNRESOLVED")
"""What people are told; UNRESOLVED as a warning, for nobody need get up for it."""

_RAISED = ("WARN", *_FIRES)

Signal = Mapping[str, Any]
"""A row of ``contracts.DRIFT_SIGNALS``."""


class Reset(NamedTuple):
    """A baseline made anew.

    Attributes:
        deployment_family: line of deployments.
        behaviour: question watched; null: all.
        from_day: first day of the new normal.
        recorded_on: first day decided by it.
        author: who said so.
        reason: why the change was expected.
    """

    deployment_family: str
    behaviour: str | None
    from_day: date
    recorded_on: date
    author: str
    reason: str


@dataclass(frozen=True)
class Alert:
    """An alert as the last day that counted left it.

    Attributes:
        alert_id: hash of the fingerprint and the day it was opened: a rebuilt store gives the same.
        fingerprint: type, behaviour and series, stable over runs.
        type: MODEL, JUDGE, TRAFFIC, PIPELINE or UNATTRIBUTED.
        severity: warn, or page once it has fired.
        series: series of drift_signals.
        deployment_family: line of deployments watched.
        behaviour: question watched.
        direction: up or down.
        state: pending, firing, acknowledged, silenced or resolved.
        opened_on: day that fired it; while it is pending, day that warned.
        updated_on: last day that confirmed it.
        processed_on: last day that counted, either way; earlier ones are closed.
        resolved_on: day that ended it.
        quiet_days: watched days in a row without a signal.
    """

    alert_id: str
    fingerprint: str
    type: str
    severity: str
    series: str
    deployment_family: str
    behaviour: str
    direction: str
    state: str
    opened_on: date
    updated_on: date
    processed_on: date
    resolved_on: date | None = None
    quiet_days: int = 0


@dataclass(frozen=True)
class Transition:
    """What a day did to an alert; the state may be the same before and after.

    Attributes:
        before: the same alert until then; null if the day opened it.
        after: the alert from then on.
        signal: the signal that did it.
        reset: the baseline made anew that ended the alert; null if none did.
    """

    before: Alert | None
    after: Alert
    signal: Signal
    reset: Reset | None = None

    @property
    def day(self) -> date:
        """The day that did it."""
        return self.after.processed_on

    @property
    def confirmed(self) -> bool:
        """The signal is evidence for the alert, not of its end."""
        return self.reset is None and self.signal["decision"] in _RAISED

    @property
    def ended(self) -> str | None:
        """Why the alert ended; null if it did not."""
        if self.after.state != "resolved":
            return None
        return QUIET if self.reset is None else REBASELINED

    @property
    def changed(self) -> bool:
        """The state is another one."""
        return self.before is None or self.before.state != self.after.state

    @property
    def escalated(self) -> bool:
        """What people were told as a warning is a page now."""
        if self.before is None or self.before.state == "pending":
            return False
        return self.before.severity != self.after.severity

    @property
    def event(self) -> str | None:
        """What people are told; null for what stays on the page."""
        if not (self.changed or self.escalated):
            return None
        if self.after.state == "firing" or self.escalated:
            return FIRING
        told = self.before is not None and self.before.state != "pending"
        return RESOLVED if told and self.after.state == "resolved" else None


def fingerprint(signal: Signal) -> str:
    """What makes two signals, of whatever day, speak of the same thing."""
    return f"{signal['type']}:{signal['behaviour']}:{signal['series']}"


def advance(
    alerts: Iterable[Alert],
    signals: Iterable[Signal],
    *,
    resets: Iterable[Reset] = (),
    days_to_resolve: int = DAYS_TO_RESOLVE,
) -> list[Transition]:
    """Apply the signals of one day.

    ==============================  =========================  ================================
    signal of the day               no open alert              an open alert
    ==============================  =========================  ================================
    PAGE, INDETERMINATE             opens, firing              pending: fires; a warning: told
                                                               again as a page; else confirmed
    UNRESOLVED                      opens, firing as a         pending: fires as a warning; else
                                    warning                    confirmed
    WARN                            opens, pending (not told)  confirmed, state unchanged
    NONE, watching                  -                          one quiet day more; resolved at
                                                               ``days_to_resolve`` in a row
                                                               (PIPELINE: at the first)
    NONE, baseline or no data       -                          - (PIPELINE: baseline is quiet)
    TICKET                          -                          pending: resolved, labels speak
                                                               against it; else -
    any, on a day not after the     -                          -
    last that counted for the
    latest alert
    any other, when the baseline    as above                   MODEL: resolved as re-baselined;
    was made anew after the alert                              PAGE or WARN opens another
    opened, up to that day
    ==============================  =========================  ================================

    A confirmation sets the quiet days back to none. Acknowledged and silenced alerts are open.
    So a day processed twice changes nothing, and an older one neither reopens nor resolves.

    Args:
        alerts: the latest alert of each fingerprint, resolved or not.
        signals: rows of drift_signals, one day.
        resets: baselines made anew, in the order in which they were recorded.
        days_to_resolve: quiet days in a row that end an alert.

    Returns:
        What changed, ordered by series.
    """
    latest = {alert.fingerprint: alert for alert in alerts}
    known = list(resets)
    transitions = []
    for signal in sorted(signals, key=lambda row: str(row["series"])):
        before = latest.get(fingerprint(signal))
        if before is not None and (reset := _answering(before, signal, known)):
            day = signal["day"]
            ended = replace(before, state="resolved", processed_on=day, resolved_on=day)
            transitions.append(Transition(before, ended, signal, reset))
            latest[ended.fingerprint] = ended
            before = None  # what the new baseline says of this day is another alert's
        after = _next(before, signal, days_to_resolve)
        if after is not None and after is not before:
            same = before is not None and before.alert_id == after.alert_id
            transitions.append(Transition(before if same else None, after, signal))
            latest[after.fingerprint] = after
    return transitions


def _answering(alert: Alert, signal: Signal, resets: Sequence[Reset]) -> Reset | None:
    """The latest reset that took the baseline away from which an open alert told a change."""
    day = signal["day"]
    if alert.type != "MODEL" or alert.state == "resolved" or day <= alert.processed_on:
        return None
    found = [
        reset
        for reset in resets
        if reset.deployment_family == alert.deployment_family
        and reset.behaviour in (None, alert.behaviour)
        and alert.opened_on < reset.recorded_on <= day
    ]
    return found[-1] if found else None


def _next(before: Alert | None, signal: Signal, days_to_resolve: int) -> Alert | None:
    if before is not None and signal["day"] <= before.processed_on:
        return before
    raised = signal["decision"] in _RAISED
    if before is None or before.state == "resolved":
        return _opened(signal) if raised else before
    if raised:
        return _confirmed(before, signal)
    if signal["decision"] == "TICKET" and before.state == "pending":
        day = signal["day"]
        return replace(before, state="resolved", processed_on=day, resolved_on=day)
    if _is_quiet(signal):
        return _calmer(before, signal["day"], days_to_resolve)
    return before


def _is_quiet(signal: Signal) -> bool:
    """Nothing was found by a detector that could have found something."""
    blind = ("no_data",) if signal["type"] == "PIPELINE" else ("no_data", "baseline")
    return signal["decision"] == "NONE" and signal["phase"] not in blind


def _opened(signal: Signal) -> Alert:
    day, identity = signal["day"], fingerprint(signal)
    fires = signal["decision"] in _FIRES
    digest = hashlib.blake2b(f"{identity}@{day}".encode(), digest_size=8).hexdigest()
    return Alert(
        alert_id=digest,
        fingerprint=identity,
        type=signal["type"],
        severity=_severity(signal),
        series=signal["series"],
        deployment_family=signal["deployment_family"],
        behaviour=signal["behaviour"],
        direction=signal["direction"],
        state="firing" if fires else "pending",
        opened_on=day,
        updated_on=day,
        processed_on=day,
    )


def _confirmed(alert: Alert, signal: Signal) -> Alert:
    day = signal["day"]
    alert = replace(alert, updated_on=day, processed_on=day, quiet_days=0)
    if alert.state == "pending" and signal["decision"] in _FIRES:
        return replace(alert, state="firing", severity=_severity(signal), opened_on=day)
    return replace(alert, severity="page") if _severity(signal) == "page" else alert


def _severity(signal: Signal) -> str:
    return "page" if signal["decision"] in ("PAGE", "INDETERMINATE") else "warn"


def _calmer(alert: Alert, day: date, days_to_resolve: int) -> Alert:
    alert = replace(alert, processed_on=day, quiet_days=alert.quiet_days + 1)
    if alert.quiet_days >= (1 if alert.type == "PIPELINE" else days_to_resolve):
        return replace(alert, state="resolved", resolved_on=day)
    return alert
