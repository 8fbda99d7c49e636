"""What an alert is, what moves it, and how stubbornly people are told.

Here belong: the values that lifecycle, attention and the store share. Here does not belong: any
rule that changes one (lifecycle, attention).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, NamedTuple

FIRING = "alert.firing"
REOPENED = "alert.reopened"
ESCALATED = "alert.escalated"
REMINDER = "alert.reminder"
ACKNOWLEDGED = "alert.acknowledged"
RESOLVED = "alert.resolved"
EVENTS = (FIRING, REOPENED, ESCALATED, REMINDER, ACKNOWLEDGED, RESOLVED)
"""What people are told, in the order in which an alert tells it."""

QUIET = "quiet"
REBASELINED = "re-baselined"
CONTRADICTED = "contradicted"
"""Why an alert ended by itself: nothing was found any more, what was found was declared normal, or
labels spoke against a warning."""

PAGES = ("PAGE", "INDETERMINATE")
FIRES = (*PAGES, "UNRESOLVED")
"""Decisions that people are told; UNRESOLVED as a warning, for nobody need get up for it."""

VERDICTS = ("true_drift", "expected_change", "false_alarm")
"""How a person ends an alert."""

MONITOR = "monitor"
"""Who makes the transitions that no person makes."""

RUN_SERIES = "PIPELINE/all/run/down"
"""What runs say of themselves: any number on a day, in the order in which they are heard."""

INJECTION = "injection"
"""What a JUDGE signal of the daily gate watches in place of a behaviour."""

OF_TRAFFIC = ("MODEL", "TRAFFIC", "UNATTRIBUTED")
"""What rests on a sample of traffic and on a baseline of it: its size can be too small for a page,
and what it tells can be declared normal."""

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
class Policy:
    """When an alert is told again, and when it counts as the same one.

    Attributes:
        minimum_effective_n: behind a page about traffic at least; below it, it only warns.
        renotify_days: after so many days an unacknowledged page is told again; null: never.
        escalate_after_hours: after so many hours it is escalated, once; null: never.
        repeat_limit: how often an alert is told again at most between its beginning and its end.
        reminders: of these how often as a reminder.
        days_to_resolve: watched days in a row without a signal that end an alert.
        days_to_fade: the same of one about traffic that was told: what nothing known took back may
            only be too weak to be seen for a while. Of it ``days_to_resolve`` are enough if all of
            them came with or after a deployment that began after it opened.
        reopen_days: one that fires again so soon after its end is the same alert.
        steady_days: a second return is told only once it has lasted so long.
        hold_days: after so many days of both an alert is told though another one still explains
            it; null: never.
    """

    minimum_effective_n: float = 20.0
    renotify_days: int | None = 7
    escalate_after_hours: float | None = 24.0
    repeat_limit: int = 1
    reminders: int = 2
    days_to_resolve: int = 7
    days_to_fade: int = 28
    reopen_days: int = 14
    steady_days: int = 3
    hold_days: int | None = 3


@dataclass(frozen=True)
class Alert:
    """An alert as the last day that counted, or the last person who acted, left it.

    Attributes:
        alert_id: hash of the fingerprint and the day it was opened: a rebuilt store gives the same.
        fingerprint: type, behaviour and series, stable over runs.
        type: MODEL, JUDGE, TRAFFIC, PIPELINE or UNATTRIBUTED.
        severity: warn, or page once it has fired as one.
        series: series of drift_signals.
        deployment_family: line of deployments watched.
        behaviour: question watched.
        direction: up or down.
        state: pending, firing, acknowledged, silenced or resolved.
        opened_on: day that first fired it; while it is pending, day that warned.
        updated_on: last day that confirmed it.
        processed_on: last day that counted, either way; earlier ones are closed.
        resolved_on: day that ended it.
        quiet_days: watched days in a row without a signal.
        quiet_since_deployment: of these, those since something was deployed after it began.
        fired_on: day that first fired it; null if only warnings were seen.
        returned_on: day on which it came back last; null if it never ended.
        returns: how often it fired again after an end.
        resolution: why it ended; null while it is open.
        told: severity that people were told and that has not been told to have ended.
        told_at: when they were last told that it fires.
        repeats: how often that was told again since.
        reminders: of these, reminders.
        reminded_at: when it was last.
        escalated_at: when it was escalated.
        held_by: alert that explains this one and holds back what it would tell.
        reason: why it is no page, though the detector paged.
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
    quiet_since_deployment: int = 0
    fired_on: date | None = None
    returned_on: date | None = None
    returns: int = 0
    resolution: str | None = None
    told: str | None = None
    told_at: datetime | None = None
    repeats: int = 0
    reminders: int = 0
    reminded_at: datetime | None = None
    escalated_at: datetime | None = None
    held_by: str | None = None
    reason: str | None = None

    @property
    def began_on(self) -> date:
        """First day since which it has not ended."""
        return self.returned_on or self.opened_on

    @property
    def end_event(self) -> str | None:
        """What its end tells: an end is told to those who were told of the beginning."""
        return RESOLVED if self.told is not None else None

    def counted(self, signal: Signal) -> bool:
        """The signal's day is closed for it: it is not after the last that counted.

        Of runs there may be several on a day. But what a person ended stays ended that day, or the
        next check would tell it again.
        """
        again = signal["series"] == RUN_SERIES and self.resolution not in VERDICTS
        last: date = self.processed_on
        return bool(signal["day"] < last if again else signal["day"] <= last)

    def disturbed(self) -> "Alert":
        """The same alert, with its quiet days to begin anew."""
        return replace(self, quiet_days=0, quiet_since_deployment=0)

    def ended(self, day: date, resolution: str) -> "Alert":
        """The same alert, over."""
        return replace(
            self, state="resolved", resolved_on=day, resolution=resolution, told=None, held_by=None
        )


@dataclass(frozen=True)
class Transition:
    """What a day, a person or the clock did to an alert; the state may be the same as before.

    Attributes:
        before: the same alert until then; null if the day opened it.
        after: the alert from then on.
        signal: the signal that did it; null where none did.
        reset: the baseline made anew that ended the alert; null if none did.
        event: what people are told; null for what stays on the page.
        who: the monitor, or the person.
        note: why, for the record.
        on: the day, where it is not the last that counted.
        caveat: a sentence that what is told ends with.
    """

    before: Alert | None
    after: Alert
    signal: Signal | None = None
    reset: Reset | None = None
    event: str | None = None
    who: str = MONITOR
    note: str = ""
    on: date | None = None
    caveat: str = ""

    @property
    def day(self) -> date:
        """The day that did it."""
        return self.on or self.after.processed_on

    @property
    def confirmed(self) -> bool:
        """The signal is evidence for the alert, not of its end."""
        if self.signal is None or self.reset is not None or self.after.state == "resolved":
            return False
        return self.after.updated_on == self.signal["day"]

    @property
    def ended(self) -> str | None:
        """Why the alert ended; null if it did not."""
        return self.after.resolution if self.changed else None

    @property
    def changed(self) -> bool:
        """The state is another one."""
        return self.before is None or self.before.state != self.after.state

    def joined(self, told: "Transition") -> "Transition":
        """What a day did, and what is told of it then, as one transition."""
        note = "; ".join(filter(None, (self.note, told.note)))
        who = told.who if told.after.state == "silenced" else self.who
        event = told.event or self.event
        return replace(self, after=told.after, event=event, who=who, note=note, caveat=told.caveat)

    @property
    def recorded(self) -> bool:
        """It belongs in the history of the alert."""
        return self.changed or bool(self.event or self.note)
