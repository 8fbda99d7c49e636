from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment_monitor.alerting.lifecycle import (
    DAYS_TO_RESOLVE,
    FIRING,
    QUIET,
    REBASELINED,
    RESOLVED,
    Reset,
    advance,
)
from alignment_monitor.contracts import DECISIONS

START = date(2026, 11, 1)
PHASES = ("baseline", "watching", "no_data")


def make(day, decision, phase="watching", kind="MODEL", behaviour="caving"):
    return {
        "day": START + timedelta(days=day),
        "series": f"{kind}/aurora/{behaviour}/up",
        "deployment_family": "aurora",
        "behaviour": behaviour,
        "direction": "up",
        "type": kind,
        "phase": phase,
        "decision": decision,
    }


class Desk:
    """Keeps every alert as the store does, and what was told."""

    def __init__(self, *resets):
        self.alerts = {}
        self.told = []
        self.ended = []
        self.resets = resets

    def process(self, *signals):
        latest = {}
        ages = self.alerts.values()
        for alert in sorted(ages, key=lambda alert: (alert.processed_on, alert.opened_on)):
            latest[alert.fingerprint] = alert
        transitions = advance(latest.values(), signals, resets=self.resets)
        for transition in transitions:
            self.alerts[transition.after.alert_id] = transition.after
            if transition.ended:
                self.ended.append((transition.ended, transition.day))
            if transition.event:
                self.told.append((transition.event, transition.after.alert_id, transition.day))
        return transitions

    def run(self, *days, first=1, **where):
        """P(age), W(arn), N(one), - (no data), b(aseline), T(icket), U(nresolved), I(ndet.)."""
        known = {
            "P": ("PAGE", "watching"),
            "W": ("WARN", "watching"),
            "N": ("NONE", "watching"),
            "-": ("NONE", "no_data"),
            "b": ("NONE", "baseline"),
            "T": ("TICKET", "watching"),
            "U": ("UNRESOLVED", "watching"),
            "I": ("INDETERMINATE", "watching"),
        }
        for number, letter in enumerate("".join(days), start=first):
            self.process(make(number, *known[letter], **where))
        return self

    @property
    def events(self):
        return [event for event, _, _ in self.told]

    @property
    def state(self):
        return max(self.alerts.values(), key=lambda alert: alert.processed_on).state


@pytest.mark.parametrize(
    ("days", "state", "events"),
    [
        ("P", "firing", [FIRING]),
        ("PPPWP", "firing", [FIRING]),
        ("W", "pending", []),
        ("WWP", "firing", [FIRING]),
        ("WNNNNNNN", "resolved", []),
        ("PNNNNNN", "firing", [FIRING]),
        ("PNNNNNNN", "resolved", [FIRING, RESOLVED]),
        ("PNNNNNNWN", "firing", [FIRING]),
        ("PNNN-b-T--NNN", "firing", [FIRING]),
        ("PNNN-b-T--NNNN", "resolved", [FIRING, RESOLVED]),
        ("PNNNNNNNP", "firing", [FIRING, RESOLVED, FIRING]),
    ],
)
def test_the_table_of_rules(days, state, events):
    desk = Desk().run(days)
    assert desk.state == state
    assert desk.events == events


@pytest.mark.parametrize("quiet", ["N", "b"])
def test_a_pipeline_alert_ends_on_the_first_good_day(quiet):
    assert Desk().run("P", quiet, kind="PIPELINE").events == [FIRING, RESOLVED]
    assert Desk().run("P-", kind="PIPELINE").events == [FIRING]


def test_nothing_found_opens_nothing():
    assert Desk().run("NbT-N").alerts == {}


def test_an_alert_that_a_warning_opened_fires_on_the_day_of_the_page():
    (alert,) = Desk().run("WNWP").alerts.values()
    assert alert.opened_on == START + timedelta(days=4)
    assert alert.severity == "page"


def test_labels_that_speak_against_a_warning_end_it_and_no_page():
    (warned,) = Desk().run("WT").alerts.values()
    assert (warned.state, warned.resolved_on) == ("resolved", START + timedelta(days=2))
    assert Desk().run("WT").told == []
    assert Desk().run("PT").state == "firing"
    assert Desk().run("T").alerts == {}


@pytest.mark.parametrize(("days", "severity"), [("WI", "page"), ("I", "page"), ("WU", "warn")])
def test_what_cannot_be_decided_is_told_too(days, severity):
    desk = Desk().run(days)
    (alert,) = desk.alerts.values()
    assert (alert.state, alert.severity) == ("firing", severity)
    assert [event for event, _, _ in desk.told] == [FIRING]


def test_a_warning_that_was_told_is_told_again_when_it_becomes_a_page():
    desk = Desk().run("WUWPPN")
    (alert,) = desk.alerts.values()
    assert alert.severity == "page"
    assert [(event, day) for event, _, day in desk.told] == [
        (FIRING, START + timedelta(days=2)),
        (FIRING, START + timedelta(days=4)),
    ]


@pytest.mark.parametrize("state", ["acknowledged", "silenced"])
def test_a_persons_word_on_an_alert_stands_until_it_resolves(state):
    desk = Desk().run("P")
    (alert,) = desk.alerts.values()
    desk.alerts[alert.alert_id] = replace(alert, state=state)
    assert desk.run("P", first=2).state == state
    assert desk.run("N" * DAYS_TO_RESOLVE, first=3).state == "resolved"


def test_an_older_day_processed_again_neither_reopens_nor_resolves():
    desk = Desk().run("PNNNNNNN")
    before = dict(desk.alerts)
    desk.run("NPPPPPPP")
    assert desk.alerts == before
    desk = Desk().run("P").run("P", first=9)
    desk.run("N" * 7, first=2)
    assert desk.state == "firing"


def reset(recorded_on, behaviour=None, family="aurora"):
    day = START + timedelta(days=recorded_on)
    return Reset(family, behaviour, day, day, "ann", "planned")


@pytest.mark.parametrize(
    ("days", "states", "events"),
    [
        ("PPb", ["resolved"], [FIRING, RESOLVED]),
        ("PP-", ["resolved"], [FIRING, RESOLVED]),
        ("PPN", ["resolved"], [FIRING, RESOLVED]),
        ("PPbbb", ["resolved"], [FIRING, RESOLVED]),
        ("PP", ["firing"], [FIRING]),
        ("WWb", ["resolved"], []),
        ("PPP", ["resolved", "firing"], [FIRING, RESOLVED, FIRING]),
        ("NNPPP", ["firing"], [FIRING]),
        ("Nbbbb", [], []),
    ],
)
@pytest.mark.parametrize("behaviour", [None, "caving"])
def test_a_new_baseline_ends_the_alert_of_the_old_one(days, states, events, behaviour):
    desk = Desk(reset(3, behaviour)).run(days)
    assert [alert.state for alert in desk.alerts.values()] == states
    assert desk.events == events
    ends = {(REBASELINED, START + timedelta(days=3))} if "resolved" in states else set()
    assert set(desk.ended) == ends
    assert Desk(reset(3, behaviour)).run(days).run(days).told == desk.told


def test_an_alert_that_ended_quietly_says_so():
    assert Desk().run("PNNNNNNN").ended == [(QUIET, START + timedelta(days=8))]


def test_a_new_baseline_ends_no_other_alert():
    for other in (reset(3, "praise"), reset(3, family="borealis"), reset(1)):
        assert Desk(other).run("PPbbb").state == "firing"
    assert Desk(reset(3)).run("PPPP", kind="JUDGE").ended == []


def test_series_do_not_mix():
    desk = Desk().run("P").run("P", behaviour="praise").run("N" * 7, first=2)
    assert [alert.state for alert in desk.alerts.values()] == ["resolved", "firing"]


_signals = st.builds(
    make,
    st.integers(0, 30),
    st.sampled_from(DECISIONS),
    st.sampled_from(PHASES),
    st.sampled_from(["MODEL", "PIPELINE"]),
    st.sampled_from(["caving", "praise"]),
)


def _days(signals):
    """One signal a day and series, the days in order."""
    by_key = {(row["day"], row["series"]): row for row in signals}
    days = sorted({day for day, _ in by_key})
    return [[row for (on, _), row in by_key.items() if on == day] for day in days]


@settings(max_examples=200)
@given(st.lists(_signals, max_size=60))
def test_days_processed_twice_are_days_processed_once(signals):
    desk, days = Desk(), _days(signals)
    for day in days:
        desk.process(*day)
        before = (dict(desk.alerts), list(desk.told))
        assert desk.process(*day) == []
        assert (desk.alerts, desk.told) == before
    for day in days:
        assert desk.process(*day) == []
    assert (desk.alerts, desk.told) == before if days else True


@settings(max_examples=200)
@given(st.lists(st.lists(_signals, max_size=6), max_size=25))
def test_whatever_comes_in_whatever_order_the_books_stay_in_order(batches):
    desk = Desk()
    for batch in batches:
        for day in _days(batch):
            desk.process(*day)
    for name in {alert.fingerprint for alert in desk.alerts.values()}:
        mine = [alert for alert in desk.alerts.values() if alert.fingerprint == name]
        assert sum(alert.state != "resolved" for alert in mine) <= 1
        told = [event for event, alert_id, _ in desk.told if alert_id in {a.alert_id for a in mine}]
        # A warning that becomes a page is told twice; an end is told once.
        assert not [1 for pair in pairwise(told) if pair == (RESOLVED, RESOLVED)]
        assert told[:1] in ([], [FIRING])
        assert told.count(FIRING) <= 2 * (told.count(RESOLVED) + 1)
    assert len(desk.told) == len(set(desk.told))
    for alert in desk.alerts.values():
        assert alert.opened_on <= alert.updated_on <= alert.processed_on
        assert (alert.resolved_on is not None) == (alert.state == "resolved")


@given(st.lists(_signals, max_size=40), st.randoms(use_true_random=False))
def test_the_order_of_rows_in_a_day_does_not_matter(signals, random):
    one, other = Desk(), Desk()
    for day in _days(signals):
        one.process(*day)
        random.shuffle(day)
        other.process(*day)
    assert one.alerts == other.alerts
    assert one.told == other.told
