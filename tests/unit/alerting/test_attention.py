from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from alignment_monitor.alerting.actions import NotAllowedError, acknowledge, resolve
from alignment_monitor.alerting.alert import (
    ACKNOWLEDGED,
    ESCALATED,
    FIRING,
    REMINDER,
    REOPENED,
    RESOLVED,
    Alert,
    Policy,
)
from alignment_monitor.alerting.attention import Silence, attend

DAY = date(2026, 11, 1)
NOW = datetime(2026, 11, 2, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)


def alert(name="a", kind="MODEL", **changes):
    fresh = Alert(
        alert_id=name,
        fingerprint=name,
        type=kind,
        severity="page",
        series=f"{kind}/aurora/caving/up",
        deployment_family="judge" if kind == "JUDGE" else "aurora",
        behaviour="caving",
        direction="up",
        state="firing",
        opened_on=DAY,
        updated_on=DAY,
        processed_on=DAY,
        fired_on=DAY,
    )
    return replace(fresh, **changes)


TOLD = {"told": "page", "told_at": NOW}


def look(*alerts, after=0 * HOUR, silences=(), repeat=True, **policy):
    steps = attend(
        alerts, silences=silences, policy=Policy(**policy), now=NOW + after, repeat=repeat
    )
    return {step.after.alert_id: step for step in steps}


def watch(told, days, **policy):
    """Events of an alert that nobody looks after, looked at every hour."""
    found = []
    for hour in range(24 * days):
        for step in look(told, after=hour * HOUR, **policy).values():
            told = step.after
            found.append((step.event, hour))
    return found


@pytest.mark.parametrize(
    ("policy", "events"),
    [
        ({}, [(FIRING, 0), (ESCALATED, 24)]),
        ({"escalate_after_hours": None}, [(FIRING, 0), (REMINDER, 168)]),
        ({"escalate_after_hours": None, "renotify_days": None}, [(FIRING, 0)]),
        ({"repeat_limit": 0}, [(FIRING, 0)]),
        (
            {"repeat_limit": 9},
            [(FIRING, 0), (ESCALATED, 24), (REMINDER, 168), (REMINDER, 336)],
        ),
        (
            {"repeat_limit": 9, "renotify_days": 1, "escalate_after_hours": 60},
            [(FIRING, 0), (REMINDER, 24), (REMINDER, 48), (ESCALATED, 60)],
        ),
    ],
)
def test_an_unacknowledged_page_is_told_again(policy, events):
    assert watch(alert(), 30, **policy) == events


def test_with_the_defaults_a_drift_is_told_three_times_at_most():
    told = [event for event, _ in watch(alert(), 400)]
    ended = resolve(alert(**TOLD), "true_drift", who="ann", now=NOW).event
    assert [*told, ended] == [FIRING, ESCALATED, RESOLVED]
    # A warning that becomes a page was told again by that.
    upgraded = look(alert(told="warn", told_at=NOW, severity="page"))["a"].after
    assert upgraded.told == "page"
    assert watch(upgraded, 400) == []


def test_a_warning_is_never_told_again():
    assert [event for event, _ in watch(alert(severity="warn"), 60, repeat_limit=9)] == [FIRING]


def test_only_the_delivery_run_tells_again():
    assert look(alert(**TOLD), after=48 * HOUR, repeat=False) == {}
    assert look(alert(**TOLD), after=48 * HOUR)["a"].event == ESCALATED


def test_escalation_and_reminders_bear_the_day_of_the_clock():
    assert look(alert(**TOLD), after=48 * HOUR)["a"].day == date(2026, 11, 4)


@pytest.mark.parametrize("state", ["acknowledged", "pending", "resolved"])
def test_nobody_is_told_of_an_alert_in_another_state(state):
    assert look(alert(state=state, resolution="quiet" if state == "resolved" else None)) == {}
    told = alert(state=state, **TOLD)
    assert look(told, after=1000 * HOUR) == {}


@pytest.mark.parametrize(
    ("holder", "holds"),
    [
        (alert("j", "JUDGE"), True),
        (alert("j", "JUDGE", state="acknowledged"), True),
        (alert("j", "JUDGE", state="silenced"), False),
        (alert("j", "JUDGE", state="pending"), False),
        (alert("j", "JUDGE", behaviour="praise"), False),
        (alert("j", "JUDGE", behaviour="injection"), True),
        (alert("j", "PIPELINE", behaviour="coverage"), True),
        (alert("j", "PIPELINE", behaviour="run", deployment_family="all"), True),
        (alert("j", "PIPELINE", behaviour="coverage", deployment_family="borealis"), False),
        (alert("j", "TRAFFIC"), False),
        (alert("j", "MODEL", behaviour="praise"), False),
    ],
)
def test_what_explains_a_model_alert_holds_it(holder, holds):
    silences = []
    if holder.state == "silenced":
        silences = [Silence("s", "ann", "-", NOW, NOW + HOUR, type="JUDGE")]
    step = look(alert(), holder, silences=silences)["a"]
    assert (step.event, step.after.held_by) == ((None, "j") if holds else (FIRING, None))
    assert step.after.state == "firing"
    assert step.recorded


def test_a_silence_that_begins_or_ends_counts_for_what_its_alert_holds_at_once():
    judge = alert("j", "JUDGE", **TOLD)
    begins = [Silence("s", "ann", "-", NOW, NOW + HOUR, type="JUDGE")]
    assert look(alert(), judge, silences=begins)["a"].event == FIRING
    assert look(alert(), replace(judge, state="silenced"))["a"].after.held_by == "j"


@pytest.mark.parametrize(
    ("alert_days", "holder_days", "told"), [(2, 2, False), (3, 0, True), (0, 3, True)]
)
def test_an_alert_is_held_for_three_days_at_most(alert_days, holder_days, told):
    model = alert(processed_on=DAY + timedelta(days=alert_days), held_by="j")
    judge = alert("j", "JUDGE", processed_on=DAY + timedelta(days=holder_days), **TOLD)
    steps = look(model, judge)
    assert ("a" in steps) is told
    if told:
        assert (steps["a"].event, steps["a"].after.held_by) == (FIRING, None)
        assert "JUDGE j" in steps["a"].caveat
    assert look(model, judge, hold_days=None) == {}


def test_a_page_that_came_back_is_escalated_anew():
    back = alert(returned_on=DAY, returns=1, escalated_at=NOW - 48 * HOUR, **TOLD)
    assert [event for event, _ in watch(back, 9)] == [ESCALATED]
    # Not twice on one day of the clock, for which the outbox has one delivery.
    soon = replace(back, escalated_at=NOW - HOUR)
    assert look(soon, after=2 * HOUR, escalate_after_hours=1) == {}
    assert look(soon, after=23 * HOUR, escalate_after_hours=1)["a"].event == ESCALATED


@pytest.mark.parametrize("kind", ["JUDGE", "PIPELINE", "TRAFFIC", "UNATTRIBUTED"])
def test_only_model_alerts_are_held(kind):
    assert look(alert("b", kind, **{"behaviour": "caving"}), alert("j", "JUDGE"))["b"].event == (
        FIRING
    )


def test_a_held_alert_is_told_when_its_holder_is_gone():
    held = look(alert(), alert("j", "JUDGE", **TOLD))["a"].after
    assert look(held, alert("j", "JUDGE", **TOLD)) == {}
    step = look(held, alert("j", "JUDGE", state="resolved", resolution="quiet"))["a"]
    assert (step.event, step.after.held_by) == (FIRING, None)
    assert "no longer held by j" in step.note
    # Another one that explains it takes over, and nobody is told.
    other = look(held, alert("k", "JUDGE", **TOLD))["a"]
    assert (other.event, other.after.held_by) == (None, "k")


def test_what_was_told_before_is_not_held():
    assert look(alert(**TOLD), alert("j", "JUDGE", **TOLD)) == {}


def test_a_silence_mutes_and_its_end_tells():
    silence = Silence("s1", "ann", "a test", NOW, NOW + HOUR, family="aur*", severity="page")
    step = look(alert(), silences=[silence])["a"]
    assert (step.after.state, step.event, step.who) == ("silenced", None, "ann")
    assert look(step.after, silences=[silence], after=HOUR / 2) == {}
    after = look(step.after, silences=[silence], after=HOUR)["a"]
    assert (after.after.state, after.event) == ("firing", FIRING)
    quiet = look(replace(step.after, **TOLD), silences=[silence], after=HOUR)["a"]
    assert (quiet.after.state, quiet.event) == ("firing", None)


@pytest.mark.parametrize(
    ("patterns", "covers"),
    [
        ({}, True),
        ({"type": "MODEL"}, True),
        ({"type": "model"}, False),
        ({"series": "MODEL/*/caving/*"}, True),
        ({"series": "MODEL/*/praise/*"}, False),
        ({"behaviour": "c?ving", "family": "aurora"}, True),
        ({"behaviour": "caving", "family": "borealis"}, False),
        ({"severity": "warn"}, False),
    ],
)
def test_all_patterns_of_a_silence_must_match(patterns, covers):
    silence = Silence("s", "ann", "-", NOW, NOW + HOUR, **patterns)
    assert silence.covers(alert(), NOW) is covers
    assert not silence.covers(alert(), NOW + HOUR)
    assert not silence.covers(alert(), NOW - HOUR)


def test_one_that_comes_back_is_told_as_that():
    back = alert(told_at=NOW, returns=1, returned_on=DAY)
    assert look(back)["a"].event == REOPENED
    again = replace(back, returns=2)
    assert look(again) == {}
    assert look(replace(again, updated_on=DAY + timedelta(days=1))) == {}
    assert look(replace(again, updated_on=DAY + timedelta(days=2)))["a"].event == REOPENED
    # Nobody was told of the first time: then this is the first.
    assert look(replace(again, told_at=None))["a"].event == FIRING


@pytest.mark.parametrize(
    ("state", "message"),
    [("pending", "nothing to acknowledge"), ("acknowledged", "already"), ("resolved", "ended")],
)
def test_what_cannot_be_acknowledged_says_why(state, message):
    with pytest.raises(NotAllowedError, match=message):
        acknowledge(alert(state=state), who="ann")


@pytest.mark.parametrize("state", ["firing", "silenced"])
def test_an_acknowledged_alert_is_no_longer_held(state):
    step = acknowledge(alert(state=state, held_by="j"), who="ann", note="on it")
    assert (step.after.state, step.after.held_by) == ("acknowledged", None)
    assert (step.who, step.note, step.event) == ("ann", "on it", None)


def test_a_verdict_ends_an_alert_and_tells_those_who_were_told():
    step = resolve(alert(**TOLD), "true_drift", who="ann", now=NOW, note="rolled back")
    assert (step.after.state, step.after.resolution) == ("resolved", "true_drift")
    assert (step.event, step.note) == (RESOLVED, "true_drift: rolled back")
    assert step.after.resolved_on == date(2026, 11, 2)
    assert resolve(alert(), "false_alarm", who="ann", now=NOW).event is None


def test_a_verdict_on_what_ended_changes_only_the_verdict():
    over = alert(state="resolved", resolved_on=DAY, resolution="quiet")
    step = resolve(over, "false_alarm", who="ann", now=NOW)
    assert step.after == replace(over, resolution="false_alarm")
    assert step.recorded
    assert step.event is None


@pytest.mark.parametrize(
    ("which", "verdict", "message"),
    [(alert(), "nonsense", "true_drift"), (alert(fired_on=None), "true_drift", "never fired")],
)
def test_what_cannot_be_judged_says_why(which, verdict, message):
    with pytest.raises(NotAllowedError, match=message):
        resolve(which, verdict, who="ann", now=NOW)


def test_an_acknowledgement_is_told_where_the_alert_was():
    assert acknowledge(alert(**TOLD), who="ann").event == ACKNOWLEDGED
    assert acknowledge(alert(held_by="j"), who="ann").event is None
