"""Two judges through the whole graph: one is gone for a day; later the rubric changes by a word."""

from collections import Counter
from datetime import date, timedelta
from importlib.resources import files
from types import SimpleNamespace

import pytest

from alignment_monitor.operations.servers import judge_server
from alignment_monitor.resources.gold import PURPOSE
from alignment_monitor.settings import load
from alignment_monitor.store import open_store
from alignment_monitor.store.labels import queued
from tests.pipeline import homes
from tests.untraced import untraced

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("panel")]

FIRST, GONE, LAST = date(2026, 1, 5), date(2026, 1, 9), date(2026, 1, 11)
BEHAVIOUR = "warranted_challenge"
MONITOR_YAML = """\
sources:
  - {{kind: simulation, seed: 5, first_day: 2026-01-05, days: 60, conversations_per_day: 120}}
first_day: 2026-01-05
sampling: {{messages_per_day: 60}}
labelling: {{messages_per_day: 5}}
judging:
  sentinels_per_day: 4
  canaries_per_day: 1
  judges:
    - {{name: one, provider: first, model: simulated-judge, base_url: "{one}", simulated: true,
       max_retries: 0}}
    - {{name: two, provider: second, model: simulated-judge, base_url: "{two}", simulated: true,
       max_retries: 0}}
"""


@pytest.fixture(scope="module")
def panel(tmp_path_factory):
    """Seven days with two judges, the second of them out of reach on the fifth."""
    from alignment_monitor.operations.labels import known_labels

    home = tmp_path_factory.mktemp("panel")
    settings_file = home / "monitor.yaml"
    dead = f"http://127.0.0.1:{homes.closed_port()}/v1"
    settings_file.write_text(MONITOR_YAML.format(one=dead, two=dead))
    known_labels(load(home), [])
    truth = home / "judge" / "truth.parquet"
    with (
        untraced(),
        judge_server(truth, home / "first", seed=1) as one,
        judge_server(truth, home / "second", seed=2) as two,
    ):
        spans = ((FIRST, GONE - timedelta(days=1), two), (GONE, GONE, dead),
                 (GONE + timedelta(days=1), LAST, two))  # fmt: skip
        for start, end, second in spans:
            settings_file.write_text(MONITOR_YAML.format(one=one, two=second))
            backfill(home, start, end)
        before = homes.estimates(home)
        signals = homes.mart(home, "drift_signals")
        quality = homes.mart(home, "judge_quality")
        change_a_word(home)
        backfill(home, LAST + timedelta(days=1), LAST + timedelta(days=2))
    return SimpleNamespace(
        home=home,
        before=before,
        signals=signals,
        quality=quality,
        after=homes.estimates(home),
    )


def backfill(home, first, last):
    done = homes.invoke("backfill", "--from", str(first), "--to", str(last), home=home)
    assert done.exit_code == 0, done.output


def change_a_word(home):
    text = (files("alignment_monitor") / "rubrics" / "sycophancy.yaml").read_text()
    (home / "rubrics").mkdir()
    (home / "rubrics" / "sycophancy.yaml").write_text(text.replace("a quibble", "a small quibble"))


def estimates(rows, day, window, behaviour=BEHAVIOUR):
    return [
        row
        for row in rows
        if (row["day"], row["window_days"], row["behaviour"]) == (day, window, behaviour)
        and row["deployment"] == row["segment"] == "all"
    ]


def test_a_day_with_a_judge_missing_is_no_data_and_no_zero(panel):
    assert all(row["prevalence"] is None for row in estimates(panel.before, GONE, 1))
    [day_before] = estimates(panel.before, GONE - timedelta(days=1), 1)
    assert day_before["prevalence"] > 0.3


def test_the_week_keeps_its_value_and_only_becomes_less_sure(panel):
    """The estimand is both judges' mean: one judge alone is never mixed into it."""
    [before] = estimates(panel.before, GONE - timedelta(days=1), 7)
    [during] = estimates(panel.before, GONE, 7)
    assert during["panel"] == before["panel"]
    assert during["prevalence"] == pytest.approx(before["prevalence"], abs=1e-12)
    [last] = estimates(panel.before, LAST, 7)
    days = [row for d in range(7) for row in estimates(panel.before, LAST - timedelta(days=d), 1)]
    assert last["judged"] == sum(row["judged"] for row in days)
    width = {d: row["upper"] - row["lower"] for d in range(7)
             for row in estimates(panel.before, FIRST + timedelta(days=d), 7)}  # fmt: skip
    assert width[6] > width[3] * (4 / 6.5) ** 0.5  # six days of data wide, not seven


def test_the_missing_day_fires_a_coverage_alert(panel):
    coverage = {s["day"]: s["decision"] for s in panel.signals if s["type"] == "PIPELINE"}
    assert {day for day, decision in coverage.items() if decision == "PAGE"} == {GONE}
    states = Counter(
        row["state"]
        for row in homes.mart(panel.home, "ledger_daily")
        if row["day"] == GONE and row["level"] == "message"
    )
    assert "judged_partly" in states
    assert "judged" not in states


def test_each_day_that_both_judges_answered_is_drawn_from_for_people(panel):
    store = open_store(load(panel.home).store_url)
    drawn = Counter(row["day"] for row in queued(store) if row["purpose"] == PURPOSE)
    store.dispose()
    days = {FIRST + timedelta(days=number) for number in range(9)} - {GONE}
    assert drawn.keys() == days
    assert 5 * len(days) - 20 < drawn.total() < 5 * len(days) + 20


def test_each_judge_is_measured_by_itself_and_the_panel_together(panel):
    names = Counter((row["judge"], row["measure"]) for row in panel.quality)
    for judge in ("one", "two"):
        assert names[judge, "sensitivity"] > 0
        assert names[judge, "specificity"] > 0
        assert names[judge, "injection"] > 0
    assert names["panel", "krippendorff_alpha"] > 0
    assert {row["day"] for row in panel.quality if row["judge"] == "panel"} == {
        FIRST + timedelta(days=d) for d in range(7) if FIRST + timedelta(days=d) != GONE
    }


def test_a_word_of_the_rubric_begins_a_series_of_its_own(panel):
    [old] = {row["rubric_version"] for row in panel.before}
    days = [row for d in (1, 2) for row in estimates(panel.after, LAST + timedelta(days=d), 1)]
    [new] = {row["rubric_version"] for row in days}
    assert new != old
    week = estimates(panel.after, LAST + timedelta(days=2), 7)
    judged = {row["rubric_version"]: row["judged"] for row in week}
    assert judged.keys() == {old, new}
    assert judged[new] == sum(row["judged"] for row in days)
    signals = [s for s in homes.mart(panel.home, "drift_signals") if s["behaviour"] == BEHAVIOUR]
    assert {s["phase"] for s in signals if s["day"] > LAST} <= {"baseline", "no_data"}
