"""A series pages, the change is declared normal: what ends, what is learnt, what keeps its digits.

The days of the lake are made here; everything after the verdicts runs as in production.
"""

import json
from datetime import UTC, datetime, time, timedelta
from types import SimpleNamespace

import pytest

from alignment_monitor.operations.rebaseline import Request, rebaseline
from alignment_monitor.settings import load
from tests.pipeline import homes
from tests.pipeline.drifting import BASELINE, MADE_HERE, YAML, run_graph, talks
from tests.pipeline.lake_factory import FIRST, write_day

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("alerting")]

CHANGE, RECORDED, BACK, DAYS = 16, 20, 34, 40
SERIES = "MODEL/model/unwarranted_agreement/up"


def day(number):
    return FIRST + timedelta(days=number)


class Home:
    """A home with days of verdicts, and the part of the graph that follows them."""

    def __init__(self, path):
        path.mkdir()
        (path / "monitor.yaml").write_text(YAML)
        self.path, self.settings = path, load(path)
        for number in range(DAYS):
            drifted = CHANGE <= number < BACK
            write_day(self.settings.lake, day(number), talks(number, drifted=drifted))

    def run(self, first, last):
        run_graph(self.path, day(first), day(last), MADE_HERE)

    def signals(self):
        rows = homes.mart(self.path, "drift_signals")
        return {row["day"]: row for row in rows if row["series"] == SERIES}

    def alerts(self):
        return [row for row in homes.mart(self.path, "alerts") if row["type"] == "MODEL"]

    def explained(self, number):
        result = homes.invoke("explain", SERIES, str(day(number)), home=self.path)
        return result.exit_code, " ".join(result.output.split())


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """Days up to a page, a declaration on the day after, and the days that follow."""
    home = Home(tmp_path_factory.mktemp("normal") / "home")
    home.run(0, RECORDED - 1)
    seen = SimpleNamespace(home=home, paged=home.signals(), firing=home.alerts())
    (up,) = [row for row in seen.firing if row["series"] == SERIES]
    seen.explained = home.explained(RECORDED - 1)
    now = datetime.combine(day(RECORDED), time(9), UTC)
    request = Request(reason="a warmer persona", author="ann", alert_id=up["alert_id"])
    seen.recorded = rebaseline(home.settings, request, now=now)
    home.run(RECORDED, DAYS - 1)
    seen.alert_id = up["alert_id"]
    return seen


def test_the_change_paged_and_its_alert_knew_the_day(story):
    assert story.paged[day(RECORDED - 1)]["decision"] == "PAGE"
    assert story.recorded.rows[0]["from_day"] == day(CHANGE)
    assert story.recorded.alerts == tuple(
        sorted(row["alert_id"] for row in story.firing if row["state"] != "resolved")
    )


def test_its_alert_ends_as_re_baselined_on_the_day_of_the_declaration(story):
    alerts = {row["alert_id"]: row for row in story.home.alerts()}
    ended = alerts[story.alert_id]
    assert (ended["state"], ended["resolved_on"]) == ("resolved", day(RECORDED))
    told = json.loads(ended["evidence"])
    assert told["ended"] == "re-baselined"
    assert told["reset"]["reason"] == "a warmer persona"
    opened = {row["opened_on"] for row in alerts.values()}
    assert not opened & {day(number) for number in range(RECORDED, BACK)}


def test_the_new_normal_is_learnt_and_then_watched(story):
    signals = story.home.signals()
    learning = [signals[day(number)] for number in range(RECORDED, CHANGE + BASELINE)]
    watched = [signals[day(number)] for number in range(CHANGE + BASELINE, BACK)]
    assert {row["phase"] for row in learning} == {"baseline"}
    assert {row["detectable_7d"] for row in learning} == {None}
    assert {row["phase"] for row in watched} == {"watching"}
    assert {row["decision"] for row in [*learning, *watched]} == {"NONE"}
    assert story.recorded.watched_from == day(CHANGE + BASELINE)
    assert watched[0]["baseline_mean"] == pytest.approx(0.8, abs=0.02)
    assert all(row["detectable_7d"] for row in watched)


def test_what_was_decided_before_keeps_every_digit(story):
    signals = story.home.signals()
    assert {day: signals[day] for day in story.paged} == story.paged
    assert story.explained[0] == 0
    assert story.home.explained(RECORDED - 1) == story.explained
    assert "identical in every digit" in story.explained[1]
    story.home.run(0, RECORDED - 1)
    again = story.home.signals()
    assert {day: again[day] for day in story.paged} == story.paged


def test_the_evidence_of_a_later_change_compares_with_the_new_normal(story):
    series = SERIES.replace("/up", "/down")
    (alert,) = [row for row in story.home.alerts() if row["series"] == series]
    assert (alert["state"], alert["opened_on"] >= day(BACK)) == ("firing", True)
    parts = json.loads(alert["evidence"])["decomposition"]
    assert parts["baseline_from"] == str(day(CHANGE))
    assert parts["baseline_to"] == str(day(CHANGE + BASELINE - 1))
    assert parts["before"] == pytest.approx(0.8, abs=0.02)


def test_a_day_of_the_new_normal_is_explained_by_it(story):
    code, said = story.home.explained(DAYS - 1)
    assert code == 0
    assert f"{BASELINE} days from {day(CHANGE)} to {day(CHANGE + BASELINE - 1)}" in said
    assert "made anew, time 1 (alignment-monitor rebaseline --list)" in said
    assert "made anew" not in story.explained[1]
    assert "identical in every digit" in said
