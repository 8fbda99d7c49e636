"""When an alert opens, lasts and ends: a pure function of the signals of one day.

Here belong: the states of an alert and how a day moves it between them. Here does not belong: how
many quiet days end one (quiet), what a person does to it (actions), who is told (attention), how it
is kept (books), what it says (evidence) or how it is sent (outbox, channels).
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta

from alignment_monitor.alerting.alert import (
    CONTRADICTED,
    FIRES,
    FIRING,
    OF_TRAFFIC,
    PAGES,
    QUIET,
    REBASELINED,
    RESOLVED,
    VERDICTS,
    Alert,
    Policy,
    Reset,
    Signal,
    Transition,
)
from alignment_monitor.alerting.attention import Silence, attend
from alignment_monitor.alerting.quiet import is_over, is_quiet, quieter

__all__ = [
    "FIRING", "RESOLVED", "Alert", "Policy", "Reset", "Surroundings", "Transition", "advance",
    "fingerprint",
]  # fmt: skip

_RAISED = ("WARN", *FIRES)


@dataclass(frozen=True)
class Surroundings:
    """What else decides on a day, beside its signals.

    Attributes:
        resets: baselines made anew, in the order in which they were recorded.
        silences: those there are.
        policy: how stubbornly people are told.
        sizes: effective n behind the figure that a series' page would show; where it is not known,
            that of the signal counts.
        deployed: days by family on which a deployment began, or an earlier one came back.
        now: current time; null: the end of the signals' day.
    """

    resets: Sequence[Reset] = ()
    silences: Sequence[Silence] = ()
    policy: Policy = field(default_factory=Policy)
    sizes: Mapping[str, float | None] = field(default_factory=dict)
    deployed: Mapping[str, Sequence[date]] = field(default_factory=dict)
    now: datetime | None = None


def fingerprint(signal: Signal) -> str:
    """What makes two signals, of whatever day, speak of the same thing."""
    return f"{signal['type']}:{signal['behaviour']}:{signal['series']}"


def advance(
    alerts: Iterable[Alert], signals: Iterable[Signal], around: Surroundings | None = None
) -> list[Transition]:
    """Apply the signals of one day, then decide what is told.

    ==============================  =========================  ================================
    signal of the day               no open alert              an open alert
    ==============================  =========================  ================================
    PAGE, INDETERMINATE             opens, firing              pending: fires; a warning becomes
                                                               a page; else confirmed
    the same on too small an        opens, pending             confirmed, with the reason
    effective n
    UNRESOLVED                      opens, firing as a         pending: fires as a warning; else
                                    warning                    confirmed
    WARN                            opens, pending (not told)  confirmed, state unchanged
    NONE, watching                  -                          one quiet day more; resolved at
                                                               ``days_to_resolve`` in a row
                                                               (PIPELINE: at the first; told of
                                                               traffic: so many since a deployment
                                                               after it opened, or
                                                               ``days_to_fade``)
    NONE, baseline or no data       -                          - (PIPELINE: baseline is quiet)
    TICKET                          -                          pending: resolved, labels speak
                                                               against it; else -
    any, on a day not after the     -                          -
    last that counted for the
    latest alert (of a run: before it)
    any other, when the baseline    as above                   of traffic: resolved as re-baselined;
    was made anew after the alert                              PAGE or WARN opens another
    opened, up to that day
    ==============================  =========================  ================================

    A confirmation sets the quiet days back to none. Acknowledged and silenced alerts are open.
    An alert that had fired and ended by itself opens again as the same one where this happens
    within ``reopen_days`` and on the same baseline. One that a person ended stays ended until the
    signals that it had have ended too, for ``reopen_days`` at most; then another one opens. Each
    outage of the pipeline is an alert of its own.
    So a day processed twice changes nothing, and an older one neither reopens nor resolves.

    Args:
        alerts: the latest alert of each fingerprint, resolved or not, and all open ones.
        signals: rows of drift_signals, one day.
        around: what else decides.

    Returns:
        What changed, ordered by series.
    """
    around = around or Surroundings()
    rows = sorted(signals, key=lambda row: str(row["series"]))
    if not rows:
        return []
    known = {alert.alert_id: alert for alert in alerts}
    latest = {alert.fingerprint: alert for alert in known.values()}
    steps: dict[str, Transition] = {}
    for signal in rows:
        for step in _steps(latest.get(fingerprint(signal)), signal, around):
            steps[step.after.alert_id] = step
            latest[step.after.fingerprint] = known[step.after.alert_id] = step.after
    now = around.now or datetime.combine(rows[0]["day"] + timedelta(days=1), time(), UTC)
    told = attend(known.values(), silences=around.silences, policy=around.policy, now=now)
    for step in told:
        name = step.after.alert_id
        steps[name] = steps[name].joined(step) if name in steps else step
    return sorted(steps.values(), key=lambda step: (step.after.series, step.after.opened_on))


def _steps(before: Alert | None, signal: Signal, around: Surroundings) -> Iterable[Transition]:
    """What a signal does to the latest alert of its fingerprint: two steps after a new baseline."""
    day = signal["day"]
    if before is not None and before.counted(signal):
        return
    if before is not None and (reset := _answering(before, day, around.resets)):
        if before.state != "resolved":
            ended = replace(before.ended(day, REBASELINED), processed_on=day)
            note = f"{REBASELINED}: {reset.reason}"
            yield Transition(
                before, ended, signal, reset, before.end_event, who=reset.author, note=note
            )
        before = None  # what the new baseline says of this day is another alert's
    decision, reason = _decided(signal, around)
    if (after := _next(before, signal, decision, around)) is None:
        return
    same = before is not None and before.alert_id == after.alert_id
    after = _explained(after, decision, reason)
    if after != before:
        old = before if same else None
        event = before.end_event if before and same and after.state == "resolved" else None
        yield Transition(old, after, signal, event=event, note=_note(old, after))


def _decided(signal: Signal, around: Surroundings) -> tuple[str, str | None]:
    """The decision that counts, and why it is less than the detector's."""
    decision = str(signal["decision"])
    size = around.sizes.get(signal["series"])
    size = signal.get("effective_n") if size is None else size
    least = around.policy.minimum_effective_n
    if decision in PAGES and signal["type"] in OF_TRAFFIC and size is not None and size < least:
        return "WARN", f"a page needs an effective n of {least:g}, and this rests on {size:.3g}"
    return decision, None


def _explained(alert: Alert, decision: str, reason: str | None) -> Alert:
    """Why it is no page; kept until it is one, ends, or is confirmed as what it is."""
    if reason is not None and alert.severity != "page":
        return replace(alert, reason=reason)
    return replace(alert, reason=None) if decision in _RAISED or alert.severity == "page" else alert


def _note(before: Alert | None, after: Alert) -> str:
    if after.state == "resolved":
        return (after.resolution or "") if before and before.state != "resolved" else ""
    return after.reason or "" if before is None or before.reason is None else ""


def _answering(alert: Alert, day: date, resets: Sequence[Reset]) -> Reset | None:
    """The latest reset that took the baseline away on which an alert told a change."""
    if alert.type not in OF_TRAFFIC:
        return None
    since = alert.began_on
    found = [
        reset
        for reset in resets
        if reset.deployment_family == alert.deployment_family
        and reset.behaviour in (None, alert.behaviour)
        and since < reset.recorded_on <= day
    ]
    return found[-1] if found else None


def _next(
    before: Alert | None, signal: Signal, decision: str, around: Surroundings
) -> Alert | None:
    """The alert after a day; null: nothing changed."""
    raised, day = decision in _RAISED, signal["day"]
    if before is None:
        return _opened(signal, decision) if raised else None
    if before.state == "resolved":
        return _after_its_end(before, signal, decision, around.policy)
    if raised:
        return _confirmed(before, day, decision)
    if decision == "TICKET" and before.state == "pending":
        return replace(before.ended(day, CONTRADICTED), processed_on=day)
    if not is_quiet(signal):
        return None
    alert = quieter(before, day, around.deployed.get(before.deployment_family, ()))
    return alert.ended(day, QUIET) if is_over(alert, around.policy) else alert


def _after_its_end(before: Alert, signal: Signal, decision: str, policy: Policy) -> Alert | None:
    day, raised = signal["day"], decision in _RAISED
    recent = (day - (before.resolved_on or before.processed_on)).days <= policy.reopen_days
    judged = before.resolution in VERDICTS
    # Each outage is its own: one that was not told would look like health.
    flaps = before.type != "PIPELINE" and recent and before.fired_on is not None
    if flaps and judged and before.quiet_days < policy.days_to_resolve:
        return _settling(before, signal, raised=raised)
    if not raised:
        return None
    return _returned(before, day, decision) if flaps and not judged else _opened(signal, decision)


def _settling(alert: Alert, signal: Signal, *, raised: bool) -> Alert | None:
    """A person ended it, and its signals have not yet."""
    if raised:
        return replace(alert.disturbed(), processed_on=signal["day"])
    if is_quiet(signal):
        return replace(alert, processed_on=signal["day"], quiet_days=alert.quiet_days + 1)
    return None


def _opened(signal: Signal, decision: str) -> Alert:
    day, identity = signal["day"], fingerprint(signal)
    since = signal.get("at") or day  # runs may fail more than once a day
    digest = hashlib.blake2b(f"{identity}@{since}".encode(), digest_size=8).hexdigest()
    return Alert(
        alert_id=digest,
        fingerprint=identity,
        type=signal["type"],
        severity=_severity(decision),
        series=signal["series"],
        deployment_family=signal["deployment_family"],
        behaviour=signal["behaviour"],
        direction=signal["direction"],
        state="firing" if decision in FIRES else "pending",
        opened_on=day,
        updated_on=day,
        processed_on=day,
        fired_on=day if decision in FIRES else None,
    )


def _returned(alert: Alert, day: date, decision: str) -> Alert:
    fires = decision in FIRES
    return replace(
        alert.disturbed(),
        state="firing" if fires else "pending",
        severity=_severity(decision),
        updated_on=day,
        processed_on=day,
        resolved_on=None,
        resolution=None,
        returned_on=day,
        returns=alert.returns + fires,
        repeats=0,  # its beginning is told anew, and may be told again as often
        reminders=0,
    )


def _confirmed(alert: Alert, day: date, decision: str) -> Alert:
    severity = _severity(decision)
    alert = replace(alert.disturbed(), updated_on=day, processed_on=day)
    if alert.state == "pending" and decision in FIRES:
        alert = replace(alert, state="firing", severity=severity)
        if alert.fired_on is None:
            return replace(alert, opened_on=day, fired_on=day)
        return replace(alert, returned_on=day, returns=alert.returns + 1)
    if severity == "warn" or alert.severity == "page":
        return alert
    # Who acknowledged a warning has not acknowledged a page.
    state = "firing" if alert.state == "acknowledged" else alert.state
    return replace(alert, state=state, severity="page")


def _severity(decision: str) -> str:
    return "page" if decision in PAGES else "warn"
