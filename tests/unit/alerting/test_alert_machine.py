"""Whatever days, people and the clock do to alerts, in whatever order: the books stay in order."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from alignment_monitor.alerting.actions import NotAllowedError, acknowledge, resolve
from alignment_monitor.alerting.alert import (
    ACKNOWLEDGED,
    ESCALATED,
    FIRING,
    REMINDER,
    REOPENED,
    RESOLVED,
    VERDICTS,
    Policy,
    Reset,
)
from alignment_monitor.alerting.attention import Silence, attend, explains
from alignment_monitor.alerting.lifecycle import Surroundings, advance
from alignment_monitor.contracts import ALERT_STATES, DECISIONS

START = date(2026, 11, 1)
SERIES = (("MODEL", "caving"), ("MODEL", "praise"), ("JUDGE", "caving"), ("PIPELINE", "coverage"))
LOUD = ("PAGE", "PAGE", "NONE", "NONE", *DECISIONS)
POLICIES = (
    Policy(),
    Policy(escalate_after_hours=None),
    Policy(repeat_limit=9, renotify_days=1),
    Policy(repeat_limit=0),
    Policy(escalate_after_hours=1.0, renotify_days=1, repeat_limit=3),
    Policy(hold_days=None),
)


def signal(day, series, decision, phase="watching", n=60.0):
    kind, behaviour = series
    return {
        "day": day,
        "series": f"{kind}/aurora/{behaviour}/up",
        "deployment_family": "judge" if kind == "JUDGE" else "aurora",
        "behaviour": behaviour,
        "direction": "up",
        "type": kind,
        "phase": phase,
        "decision": decision,
        "effective_n": n,
    }


def episodes(events):
    """What was told each time that an alert was up."""
    starts = [0, *(n for n, event in enumerate(events) if event == REOPENED), len(events)]
    return [events[first:end] for first, end in pairwise(starts)]


class Alerting(RuleBasedStateMachine):
    """The store, in memory: every alert, every silence, everything told."""

    def __init__(self):
        super().__init__()
        self.alerts, self.silences, self.resets, self.told = {}, [], [], []
        self.deployed = []
        self.day, self.now = START, datetime(2026, 11, 2, 2, tzinfo=UTC)
        self.last = []

    @initialize(policy=st.sampled_from(POLICIES))
    def choose(self, policy):
        self.policy = policy

    @rule(
        decisions=st.lists(st.sampled_from(LOUD), min_size=4, max_size=4),
        phase=st.sampled_from(["watching", "watching", "watching", "no_data", "baseline"]),
        n=st.sampled_from([60.0, 60.0, 5.0, None]),
        times=st.sampled_from([1, 1, 1, 3, 7]),
    )
    def days_are_run(self, decisions, phase, n, times):
        for _ in range(times):
            self.day += timedelta(days=1)
            self.now = max(self.now, self.night())
            self.last = [
                signal(self.day, series, decision, phase, n)
                for series, decision in zip(SERIES, decisions, strict=True)
            ]
            self.process(self.last)

    @rule(decision=st.sampled_from(DECISIONS))
    def a_day_is_run_again(self, decision):
        self.process(self.last)
        assert self.process(self.last) == []
        closed = {one.fingerprint for one in self.alerts.values() if one.processed_on >= self.day}
        changed = [{**row, "decision": decision} for row in self.last]
        for step in self.process(changed):
            moved = step.signal is None or step.after.fingerprint not in closed
            assert moved, "a day that counted is closed"

    @rule(hours=st.sampled_from([1, 23, 25, 200]))
    def time_passes_and_deliveries_run(self, hours):
        self.now += timedelta(hours=hours)
        self.look()
        assert (
            attend(self.ordered(), silences=self.silences, policy=self.policy, now=self.now) == []
        )

    @precondition(lambda self: self.alerts)
    @rule(data=st.data(), verdict=st.sampled_from([None, *VERDICTS]))
    def somebody_acts(self, data, verdict):
        alert = self.alerts[data.draw(st.sampled_from(sorted(self.alerts)))]
        try:
            if verdict is None:
                step = acknowledge(alert, who="ann")
            else:
                step = resolve(alert, verdict, who="ann", now=self.now)
        except NotAllowedError:
            assert alert.state != "firing"
        else:
            self.keep([step])
            self.look()

    @rule(series=st.sampled_from(["*", "MODEL/*", "JUDGE/*"]), hours=st.sampled_from([1, 100, 900]))
    def somebody_silences(self, series, hours):
        end = self.now + timedelta(hours=hours)
        name = f"s{len(self.silences)}"
        self.silences.append(Silence(name, "ann", "a test", self.now, end, series=series))
        self.look()

    @rule(behaviour=st.sampled_from([None, "caving"]))
    def a_baseline_is_made_anew(self, behaviour):
        day = self.day + timedelta(days=1)
        self.resets.append(Reset("aurora", behaviour, day, day, "ann", "planned"))

    @rule()
    def something_is_deployed(self):
        self.deployed.append(self.day + timedelta(days=1))

    def night(self):
        return datetime.combine(self.day + timedelta(days=1), datetime.min.time(), UTC)

    def ordered(self):
        return sorted(self.alerts.values(), key=lambda one: (one.processed_on, one.opened_on))

    def process(self, rows):
        around = Surroundings(
            self.resets, self.silences, self.policy, {}, {"aurora": self.deployed}, self.now
        )
        latest = {alert.fingerprint: alert for alert in self.ordered()}
        return self.keep(advance(latest.values(), rows, around))

    def look(self):
        found = {"silences": self.silences, "policy": self.policy, "now": self.now}
        self.keep(attend(self.ordered(), **found, repeat=True))
        # One call tells one thing of an alert; what is left comes with the next.
        for _ in range(3):
            self.keep(attend(self.ordered(), **found, repeat=True))

    def keep(self, steps):
        for step in steps:
            before, after = step.before, step.after
            kept = self.alerts.get(after.alert_id)
            assert kept == before, "a transition starts from what is kept"
            self.alerts[after.alert_id] = after
            if step.event:
                assert step.recorded
                assert after.state not in ("silenced", "pending")
                assert (after.state == "acknowledged") == (step.event == ACKNOWLEDGED)
                self.told.append((after.alert_id, step.event, step.day))
        return steps

    @invariant()
    def one_open_alert_of_each_kind(self):
        open_ = [one.fingerprint for one in self.alerts.values() if one.state != "resolved"]
        assert len(open_) == len(set(open_))

    @invariant()
    def an_alert_is_whole(self):
        for one in self.alerts.values():
            assert one.state in ALERT_STATES
            assert one.opened_on <= one.updated_on <= one.processed_on
            assert 0 <= one.quiet_since_deployment <= one.quiet_days
            over = one.state == "resolved"
            assert (one.resolved_on is not None) == (one.resolution is not None) == over
            assert one.told is None or not over
            assert one.fired_on is not None or one.state in ("pending", "resolved")
            up = one.told_at is not None and one.told is not None
            escalated = up and one.escalated_at is not None and one.escalated_at > one.told_at
            assert one.reminders + escalated <= one.repeats

    @invariant()
    def none_is_lost(self):
        """What fires and was not told is held by an open alert that explains it, or flaps."""
        for one in self.alerts.values():
            if one.held_by:
                assert one.state == "firing"
                assert explains(self.alerts[one.held_by], one)
            untold = one.state == "firing" and one.told != one.severity and one.told != "page"
            if untold and not one.held_by:
                assert one.returns > 1
                assert (one.updated_on - one.began_on).days < self.policy.steady_days - 1

    @invariant()
    def a_silenced_alert_is_covered(self):
        for one in self.alerts.values():
            covered = [silence for silence in self.silences if silence.covers(one, self.now)]
            if one.state == "firing":
                assert not covered

    @invariant()
    def nothing_is_told_twice(self):
        assert len(self.told) == len(set(self.told)), "the outbox would refuse it"

    def calls(self, name):
        """What was told of an alert to every channel."""
        return [
            event for alert_id, event, _ in self.told if alert_id == name and event != ACKNOWLEDGED
        ]

    @invariant()
    def what_is_told_of_an_alert_makes_sense(self):
        for name in self.alerts:
            events = self.calls(name)
            assert events[:1] in ([], [FIRING])
            for first, then in pairwise(events):
                if then == REOPENED:
                    assert first == RESOLVED
                if then == RESOLVED:
                    assert first != RESOLVED
                if first == RESOLVED:
                    assert then == REOPENED
            upgrades = events.count(FIRING) - 1
            for up in episodes(events):
                assert up.count(ESCALATED) <= 1
                assert up.count(REMINDER) <= self.policy.reminders
                assert up.count(ESCALATED) + up.count(REMINDER) <= self.policy.repeat_limit
            # Each time that it is up, a warning may become a page once.
            assert upgrades <= events.count(REOPENED) + 1

    @invariant()
    def a_drift_is_told_three_times_at_most(self):
        if getattr(self, "policy", None) != POLICIES[0]:
            return
        for name in self.alerts:
            events = self.calls(name)
            assert all(len(up) <= 3 for up in episodes(events))


TestAlerting = Alerting.TestCase
TestAlerting.settings = settings(max_examples=150, stateful_step_count=40)
TestAlerting.pytestmark = [
    pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")
]
