from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment_monitor.alerting.actions import acknowledge, resolve
from alignment_monitor.alerting.alert import (
    ACKNOWLEDGED,
    CONTRADICTED,
    FIRING,
    QUIET,
    REBASELINED,
    REOPENED,
    RESOLVED,
    Reset,
)
from alignment_monitor.alerting.attention import Silence
from alignment_monitor.alerting.lifecycle import Surroundings, advance
from alignment_monitor.contracts import DECISIONS
from tests.fakes.signals import DEPLOYED

START = date(2026, 11, 1)
PHASES = ("baseline", "watching", "no_data")


def day(number):
    return START + timedelta(days=number)


def make(day, decision, phase="watching", kind="MODEL", behaviour="caving", n=None):
    return {
        "day": START + timedelta(days=day),
        "series": f"{kind}/aurora/{behaviour}/up",
        "deployment_family": "aurora",
        "behaviour": behaviour,
        "direction": "up",
        "type": kind,
        "phase": phase,
        "decision": decision,
        "effective_n": n,
    }


def at(day):
    """The night in which a day is run."""
    return datetime(2026, 11, 1, 2, tzinfo=UTC) + timedelta(days=day + 1)


class Desk:
    """Keeps every alert as the store does, and what was told; each day something is deployed."""

    def __init__(self, *resets, silences=()):
        self.alerts = {}
        self.told = []
        self.ended = []
        self.around = Surroundings(resets, silences, deployed=DEPLOYED)

    def process(self, *signals):
        latest = {}
        ages = self.alerts.values()
        for alert in sorted(ages, key=lambda alert: (alert.processed_on, alert.opened_on)):
            latest[alert.fingerprint] = alert
        transitions = advance(latest.values(), signals, self.around)
        for transition in transitions:
            self.keep(transition)
        return transitions

    def keep(self, transition):
        self.alerts[transition.after.alert_id] = transition.after
        if transition.ended:
            self.ended.append((transition.ended, transition.day))
        if transition.event not in (None, ACKNOWLEDGED):
            self.told.append((transition.event, transition.after.alert_id, transition.day))

    def act(self, act, *given, day=0, **how):
        """Somebody does something to the one alert there is."""
        (alert,) = self.alerts.values()
        if act is resolve:
            how["now"] = at(day)
        self.keep(act(alert, *given, who="ann", **how))
        return self

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
        ("PNNNNNNNP", "firing", [FIRING, RESOLVED, REOPENED]),
        ("PNNNNNNNWP", "firing", [FIRING, RESOLVED, REOPENED]),
        ("PNNNNNNNWNNNNNNN", "resolved", [FIRING, RESOLVED]),
        ("PNNNNNNN" + "-" * 14 + "P", "firing", [FIRING, RESOLVED, FIRING]),
        ("WNNNNNNNP", "firing", [FIRING]),
    ],
)
def test_the_table_of_rules(days, state, events):
    desk = Desk().run(days)
    assert desk.state == state
    assert desk.events == events


@pytest.mark.parametrize(
    ("deployed", "quiet"),
    [
        ([], 28),
        ([day(-3), day(1)], 28),  # what began before, or with it, did not end it
        ([day(2)], 7),
        ([day(4)], 9),  # a quiet week from then on, whatever was quiet before
        ([day(4), day(9), day(14)], 9),  # those that follow do not make it longer
        ([day(20)], 25),
        ([day(24)], 28),
    ],
)
def test_what_nothing_took_back_ends_only_after_four_weeks(deployed, quiet):
    desk = Desk()
    desk.around = Surroundings(deployed={"aurora": deployed})
    desk.run("P" + "N" * (quiet - 1))
    assert desk.state == "firing"
    desk.run("N", first=quiet + 1)
    assert desk.state == "resolved"
    assert desk.events == [FIRING, RESOLVED]


def test_only_watched_days_since_a_deployment_make_its_quiet_week():
    desk = Desk()
    desk.around = Surroundings(deployed={"aurora": [day(10)]})
    desk.run("P" + "N" * 8 + "-b-T--" + "N" * 6)
    assert desk.state == "firing"
    assert desk.run("N", first=22).events == [FIRING, RESOLVED]
    # What confirms it begins the week anew; the deployment may still have ended it.
    desk = Desk()
    desk.around = Surroundings(deployed={"aurora": [day(4)]})
    assert desk.run("PNN" + "NNNNNW" + "N" * 6).state == "firing"
    assert desk.run("N", first=16).state == "resolved"


@settings(max_examples=200)
@given(
    st.lists(st.sampled_from("PWNNNNNNNN-b"), max_size=60),
    st.sets(st.integers(2, 60), max_size=3),
)
def test_what_was_told_of_traffic_ends_with_enough_quiet_days_and_no_sooner(letters, deployed):
    desk = Desk()
    desk.around = Surroundings(deployed={"aurora": [day(number) for number in deployed]})
    desk.run("P")
    quiet = []  # numbers of the quiet days in a row
    for number, letter in enumerate(letters, start=2):
        desk.run(letter, first=number)
        quiet = [] if letter in "PW" else quiet + [number] * (letter == "N")
        since = [one for one in quiet if deployed and one >= min(deployed)]
        over = len(quiet) == 28 or len(since) == 7
        assert (desk.state == "resolved") == over
        if over:
            break


def test_a_weak_drift_that_fades_for_a_while_is_told_once():
    desk = Desk()
    desk.around = Surroundings()
    assert desk.run("PPP" + "N" * 27 + "PPP" + "N" * 28).events == [FIRING, RESOLVED]


def test_only_what_was_told_about_traffic_waits_so_long():
    for kind, days in (("JUDGE", "P"), ("MODEL", "W")):
        desk = Desk()
        desk.around = Surroundings()
        assert desk.run(days + "N" * 7, kind=kind).state == "resolved"


@pytest.mark.parametrize("quiet", ["N", "b"])
def test_a_pipeline_alert_ends_on_the_first_good_day(quiet):
    assert Desk().run("P", quiet, kind="PIPELINE").events == [FIRING, RESOLVED]
    assert Desk().run("P-", kind="PIPELINE").events == [FIRING]


def test_each_outage_is_an_alert_of_its_own_and_told_whatever_people_said():
    desk = Desk().run("PN" * 4, kind="PIPELINE")
    assert len(desk.alerts) == 4
    assert desk.events == [FIRING, RESOLVED] * 4
    desk = Desk().run("P", kind="PIPELINE").act(resolve, "true_drift", day=1)
    assert desk.run("P", first=2, kind="PIPELINE").events == [FIRING, RESOLVED, FIRING]


def test_nothing_found_opens_nothing():
    assert Desk().run("NbT-N").alerts == {}


def test_an_alert_that_a_warning_opened_fires_on_the_day_of_the_page():
    (alert,) = Desk().run("WNWP").alerts.values()
    assert alert.opened_on == START + timedelta(days=4)
    assert alert.severity == "page"


def test_labels_that_speak_against_a_warning_end_it_and_no_page():
    (warned,) = Desk().run("WT").alerts.values()
    assert (warned.state, warned.resolved_on) == ("resolved", START + timedelta(days=2))
    assert warned.resolution == CONTRADICTED
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


def test_an_acknowledged_alert_stays_so_until_it_resolves():
    desk = Desk().run("P").act(acknowledge)
    assert desk.run("P", first=2).state == "acknowledged"
    assert desk.run("N" * 7, first=3).state == "resolved"
    assert desk.events == [FIRING, RESOLVED]


def test_who_acknowledged_a_warning_is_told_of_the_page():
    desk = Desk().run("U").act(acknowledge).run("U", first=2)
    assert desk.state == "acknowledged"
    assert desk.run("P", first=3).state == "firing"
    assert desk.events == [FIRING, FIRING]


def test_a_silenced_alert_is_told_neither_at_its_beginning_nor_at_its_end():
    silence = Silence("s1", "ann", "known", at(0), at(60), behaviour="cav*")
    desk = Desk(silences=[silence]).run("WP")
    assert desk.state == "silenced"
    assert desk.run("N" * 7, first=3).state == "resolved"
    assert desk.told == []
    assert Desk(silences=[silence]).run("P", behaviour="praise").state == "firing"


def test_the_end_of_what_was_told_is_told_in_spite_of_a_silence():
    desk = Desk().run("P")
    desk.around = Surroundings(
        deployed=DEPLOYED, silences=[Silence("s1", "ann", "known", at(0), at(60))]
    )
    assert desk.run("P", first=2).state == "silenced"
    assert desk.run("N" * 7, first=3).events == [FIRING, RESOLVED]


def test_an_alert_that_comes_back_soon_is_the_same_one():
    desk = Desk().run("PNNNNNNN" + "N" * 5 + "P")
    (alert,) = desk.alerts.values()
    assert (alert.opened_on, alert.returned_on) == (day(1), day(14))
    assert (alert.returns, alert.resolved_on, alert.resolution) == (1, None, None)


def test_an_alert_that_comes_back_again_is_told_only_once_it_lasts():
    flap = "PNNNNNNN"
    desk = Desk().run(flap * 4)
    assert desk.events == [FIRING, RESOLVED, REOPENED, RESOLVED]
    desk.run("PP", first=33)
    assert desk.events == [FIRING, RESOLVED, REOPENED, RESOLVED]
    desk.run("P", first=35)
    assert desk.events == [FIRING, RESOLVED, REOPENED, RESOLVED, REOPENED]
    assert len(desk.alerts) == 1
    assert desk.run("N" * 7, first=36).events[-1] == RESOLVED


@pytest.mark.parametrize(("n", "state"), [(19.9, "pending"), (20, "firing"), (None, "firing")])
def test_a_page_on_too_few_messages_only_warns_and_says_why(n, state):
    desk = Desk()
    (step,) = desk.process(make(1, "PAGE", n=n))
    assert desk.state == state
    assert ("rests on 19.9" in step.note) == (state == "pending")
    assert (step.after.reason is None) == (state == "firing")
    desk.process(make(2, "PAGE", n=30))
    assert desk.events == [FIRING]
    (alert,) = desk.alerts.values()
    assert (alert.severity, alert.reason) == ("page", None)


def test_the_n_that_counts_is_that_of_the_figure_shown():
    row = make(1, "PAGE", n=5)
    around = Surroundings(sizes={row["series"]: 60.0})
    (step,) = advance([], [row], around)
    assert step.after.state == "firing"


@pytest.mark.parametrize("kind", ["JUDGE", "PIPELINE"])
def test_what_rests_on_no_sample_of_traffic_needs_no_minimum(kind):
    desk = Desk()
    desk.process(make(1, "PAGE", kind=kind, n=1))
    assert desk.state == "firing"


@pytest.mark.parametrize("verdict", ["true_drift", "expected_change", "false_alarm"])
def test_what_a_person_ended_does_not_come_back_with_the_same_signals(verdict):
    desk = Desk().run("PP").act(resolve, verdict, day=2).run("P" * 15, first=3)
    assert desk.state == "resolved"
    assert desk.events == [FIRING, RESOLVED]
    assert [why for why, _ in desk.ended] == [verdict]
    # Somebody was wrong: after two weeks it is another alert.
    desk.run("PPP", first=18)
    assert desk.events == [FIRING, RESOLVED, FIRING]
    assert len(desk.alerts) == 2


def test_what_comes_after_a_verdict_and_a_quiet_week_is_another_alert():
    desk = Desk().run("P").act(resolve, "false_alarm", day=1).run("NNNNNNNP", first=2)
    assert [alert.state for alert in desk.alerts.values()] == ["resolved", "firing"]
    assert desk.events == [FIRING, RESOLVED, FIRING]


def test_an_alert_of_an_old_baseline_does_not_come_back():
    desk = Desk(reset(10)).run("PNNNNNNN--P")
    assert [alert.state for alert in desk.alerts.values()] == ["resolved", "firing"]
    assert desk.events == [FIRING, RESOLVED, FIRING]
    # Nor does a baseline that was new before it came back end it.
    assert Desk(reset(9)).run("PNNNNNNNPPPP", behaviour="praise").state == "firing"


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


@pytest.mark.parametrize("kind", ["TRAFFIC", "UNATTRIBUTED"])
def test_a_new_baseline_ends_what_stood_of_opportunities_too(kind):
    desk = Desk(reset(3)).run("WWb", kind=kind, behaviour="claim")
    assert [alert.state for alert in desk.alerts.values()] == ["resolved"]
    assert desk.told == []


@pytest.mark.parametrize("days", ["WWPPPNNNNNNNP", "PP-PTNNN", "WTUUUNNP"])
def test_what_opportunities_do_changes_nothing_of_a_model(days):
    alone, beside = Desk().run(days), Desk()
    for number, letter in enumerate(days, start=1):
        for kind in ("TRAFFIC", "UNATTRIBUTED"):
            beside.run("W", first=number, kind=kind, behaviour="caving")
        beside.run(letter, first=number)
    model = {name: one for name, one in beside.alerts.items() if one.type == "MODEL"}
    assert model == alone.alerts
    assert beside.told == alone.told
    assert {one.state for one in beside.alerts.values() if one.type != "MODEL"} == {"pending"}


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


@given(st.lists(_signals, max_size=40), st.randoms(use_true_random=False))
def test_the_order_of_rows_in_a_day_does_not_matter(signals, random):
    one, other = Desk(), Desk()
    for day in _days(signals):
        one.process(*day)
        random.shuffle(day)
        other.process(*day)
    assert one.alerts == other.alerts
    assert one.told == other.told


def test_the_documented_table_is_what_the_code_does():
    from tests.unit.alerting.transition_table import table

    documented = (Path(__file__).resolve().parents[3] / "docs" / "alerts.md").read_text()
    assert table() in documented
