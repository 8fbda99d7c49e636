"""When an alert opens, lasts and ends: a pure function of the signals of one day.

Here belong: the states of an alert and what moves it between them. Here does not belong: how an
alert is kept (service), what it says (evidence) or how it is told (outbox, channels).
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

FIRING = "alert.firing"
RESOLVED = "alert.resolved"
DAYS_TO_RESOLVE = 7

_RAISED = ("WARN", "PAGE")

Signal = Mapping[str, Any]
"""A row of ``contracts.DRIFT_SIGNALS``."""


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
    """

    before: Alert | None
    after: Alert
    signal: Signal

    @property
    def day(self) -> date:
        """The day that did it."""
        return self.after.processed_on

    @property
    def confirmed(self) -> bool:
        """The signal is evidence for the alert, not of its end."""
        return self.signal["decision"] in _RAISED

    @property
    def changed(self) -> bool:
        """The state is another one."""
        return self.before is None or self.before.state != self.after.state

    @property
    def event(self) -> str | None:
        """What people are told; null for what stays on the page."""
        if not self.changed:
            return None
        if self.after.state == "firing":
            return FIRING
        told = self.before is not None and self.before.state != "pending"
        return RESOLVED if told and self.after.state == "resolved" else None


def fingerprint(signal: Signal) -> str:
    """What makes two signals, of whatever day, speak of the same thing."""
    return f"{signal['type']}:{signal['behaviour']}:{signal['series']}"


def advance(
    alerts: Iterable[Alert], signals: Iterable[Signal], *, days_to_resolve: int = DAYS_TO_RESOLVE
) -> list[Transition]:
    """Apply the signals of one day.

    ==============================  =========================  ================================
    signal of the day               no open alert              an open alert
    ==============================  =========================  ================================
    PAGE                            opens, firing              pending: fires; else confirmed
    WARN                            opens, pending (not told)  confirmed, state unchanged
    NONE, watching                  -                          one quiet day more; resolved at
                                                               ``days_to_resolve`` in a row
                                                               (PIPELINE: at the first)
    NONE, baseline or no data       -                          - (PIPELINE: baseline is quiet)
    any other decision              -                          -
    any, on a day not after the     -                          -
    last that counted for the
    latest alert
    ==============================  =========================  ================================

    A confirmation sets the quiet days back to none. Acknowledged and silenced alerts are open.
    So a day processed twice changes nothing, and an older one neither reopens nor resolves.

    Args:
        alerts: the latest alert of each fingerprint, resolved or not.
        signals: rows of drift_signals, one day.
        days_to_resolve: quiet days in a row that end an alert.

    Returns:
        What changed, ordered by series.
    """
    latest = {alert.fingerprint: alert for alert in alerts}
    transitions = []
    for signal in sorted(signals, key=lambda row: str(row["series"])):
        before = latest.get(fingerprint(signal))
        after = _next(before, signal, days_to_resolve)
        if after is not None and after is not before:
            same = before is not None and before.alert_id == after.alert_id
            transitions.append(Transition(before if same else None, after, signal))
            latest[after.fingerprint] = after
    return transitions


def _next(before: Alert | None, signal: Signal, days_to_resolve: int) -> Alert | None:
    if before is not None and signal["day"] <= before.processed_on:
        return before
    raised = signal["decision"] in _RAISED
    if before is None or before.state == "resolved":
        return _opened(signal) if raised else before
    if raised:
        return _confirmed(before, signal)
    if _is_quiet(signal):
        return _calmer(before, signal["day"], days_to_resolve)
    return before


def _is_quiet(signal: Signal) -> bool:
    """Nothing was found by a detector that could have found something."""
    blind = ("no_data",) if signal["type"] == "PIPELINE" else ("no_data", "baseline")
    return signal["decision"] == "NONE" and signal["phase"] not in blind


def _opened(signal: Signal) -> Alert:
    day, identity = signal["day"], fingerprint(signal)
    pages = signal["decision"] == "PAGE"
    digest = hashlib.blake2b(f"{identity}@{day}".encode(), digest_size=8).hexdigest()
    return Alert(
        alert_id=digest,
        fingerprint=identity,
        type=signal["type"],
        severity="page" if pages else "warn",
        series=signal["series"],
        deployment_family=signal["deployment_family"],
        behaviour=signal["behaviour"],
        direction=signal["direction"],
        state="firing" if pages else "pending",
        opened_on=day,
        updated_on=day,
        processed_on=day,
    )


def _confirmed(alert: Alert, signal: Signal) -> Alert:
    day = signal["day"]
    alert = replace(alert, updated_on=day, processed_on=day, quiet_days=0)
    if alert.state == "pending" and signal["decision"] == "PAGE":
        return replace(alert, state="firing", severity="page", opened_on=day)
    return alert


def _calmer(alert: Alert, day: date, days_to_resolve: int) -> Alert:
    alert = replace(alert, processed_on=day, quiet_days=alert.quiet_days + 1)
    if alert.quiet_days >= (1 if alert.type == "PIPELINE" else days_to_resolve):
        return replace(alert, state="resolved", resolved_on=day)
    return alert
