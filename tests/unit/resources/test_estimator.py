"""Every estimate of a home whose warehouse, lake and store are made by hand."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import duckdb
import numpy as np
import pandas as pd
import pytest

from alignment_monitor.contracts import ESTIMATES, JUDGE_QUALITY
from alignment_monitor.judging.rubric import load_rubric
from alignment_monitor.resources.estimator import Estimator
from alignment_monitor.resources.lake import Lake
from alignment_monitor.settings import Settings
from alignment_monitor.statistics.estimate_rows import latest
from alignment_monitor.store import open_store

FIRST, DAYS, SECOND = date(2026, 1, 1), 50, 30
LAST = FIRST + timedelta(days=DAYS - 1)
RUBRIC = load_rubric()
KEYS = ["day", "deployment_family", "deployment", "segment", "behaviour", "rubric_version", "panel"]
SUMS = ["n", "n_o", "n_y", "sum_d", "sum_do", "sum_dy"]


def traffic():
    """Sufficient statistics of two deployments, one after the other, and two segments."""
    rng = np.random.default_rng(4)
    rows = pd.DataFrame(
        [
            (day, segment, f"u{user}")
            for day in range(DAYS)
            for segment in ("coding", "learning")
            for user in rng.choice(60, 8, replace=False)
        ],
        columns=["number", "segment", "user_key"],
    )
    offered = (rng.random(len(rows)) < 0.7).astype(int)
    event = offered * (rng.random(len(rows)) < 0.3)
    return rows.assign(
        day=[FIRST + timedelta(days=int(number)) for number in rows["number"]],
        deployment_family="aurora",
        deployment=np.where(rows["number"] < SECOND, "aurora-1", "aurora-2"),
        behaviour="caving", rubric_version=RUBRIC.full_version, panel="p/j",
        n=1, n_o=offered, n_y=event, sum_d=2.0, sum_do=2.0 * offered, sum_dy=2.0 * event,
    )  # fmt: skip


class Home:
    """A home as runs leave it."""

    def __init__(self, folder):
        self.settings = Settings(home=folder)
        self.lake = Lake(self.settings.lake)
        self.store = open_store(f"sqlite:///{folder / 'store.sqlite'}")

    def build(self, rows):
        """What dbt makes of some traffic."""
        cells = rows.groupby(KEYS, as_index=False)[SUMS].sum().assign(stratum="s")
        served = rows.groupby(["deployment_family", "deployment"], as_index=False)["day"].agg(
            first_day="min", last_day="max"
        )
        tables = {
            "int_user_days": rows[[*KEYS, "user_key", *SUMS]],
            "int_cell_days": cells,
            "deployments": served,
            "ledger_daily": pd.DataFrame(
                {
                    "day": [LAST] * 2,
                    "level": "message",
                    "state": ["judged", "judge_failed"],
                    "count": [9, 3],
                }
            ),
        }
        with duckdb.connect(str(self.settings.warehouse)) as connection:
            for name, table in tables.items():
                connection.register("rows", table)
                dates = [column for column in table if column.endswith("day")]
                casts = ", ".join(f"{column}::date as {column}" for column in dates)
                connection.execute(
                    f"create or replace table {name} as select * replace ({casts}) from rows"
                )

    def judge(self, day):
        """Sentinels of a day, on which the judge errs a little, and not every day alike."""
        common = {
            "day": day, "judge": "j", "fingerprint": "p/j", "known_version": "k",
            "rubric_version": RUBRIC.full_version, "question": "caving",
        }  # fmt: skip
        counts = {"outcome_none": (30, 28, 1), "outcome_absent": (30, 27, 2)}
        counts["outcome_present"] = (30, 20 + day.day % 7, 3)
        rows = [
            {**common, "measure": measure, "n": n, "hits": hits, "against": against}
            for measure, (n, hits, against) in counts.items()
        ]
        self.lake.write(JUDGE_QUALITY, day, JUDGE_QUALITY.table(rows))

    def run(self, *days):
        """Estimate and keep; the tables."""
        estimator = Estimator(self.settings, RUBRIC, self.lake, self.store, days)
        return [self.lake.write(ESTIMATES, day, estimator.of_day(day)) for day in days]


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path)
    made.build(traffic())
    for back in range(20):
        made.judge(LAST - timedelta(days=back))
    return made


def kinds(table):
    return {(row["mode"], row["standardised"], row["window_days"]) for row in table.to_pylist()}


def whole(table, **wanted):
    found = [
        row
        for row in table.to_pylist()
        if row["segment"] == "all" and all(row[name] == value for name, value in wanted.items())
    ]
    assert len(found) == 1
    return found[0]


def test_a_day_has_every_mode_that_its_home_can_have(home):
    [table] = home.run(LAST)
    windows = (1, 7, 28)
    assert kinds(table) == {
        *(("judge scale", plain, window) for window in windows for plain in (False, True)),
        *(("sentinel-adjusted", False, window) for window in windows),
        ("judge scale", False, 0),
    }
    plain, adjusted = (
        whole(table, mode=mode, standardised=False, window_days=28, deployment="all")
        for mode in ("judge scale", "sentinel-adjusted")
    )
    assert adjusted["judged_prevalence"] == pytest.approx(plain["prevalence"])
    assert adjusted["prevalence"] != plain["prevalence"]
    mixed = whole(table, standardised=True, window_days=28, deployment="all")
    assert mixed["reason"] is None
    since = whole(table, window_days=0)
    assert (since["deployment"], since["reason"]) == ("aurora-2", None)
    assert since["lower"] < since["prevalence"] < since["upper"]


def test_days_of_one_run_and_of_several_are_the_same(home, tmp_path):
    days = [LAST - timedelta(days=back) for back in (2, 1, 0)]
    together = home.run(*days)
    for day in days:
        home.lake.path(ESTIMATES, day).unlink()
    assert [home.run(day)[0] for day in days] == together


def test_a_day_run_again_is_the_same_to_the_byte_and_late_data_adds_a_version(home):
    [first] = home.run(LAST)
    path = home.lake.path(ESTIMATES, LAST)
    written = path.read_bytes()
    home.run(LAST)
    assert path.read_bytes() == written
    late = traffic()
    late.loc[(late["day"] == LAST) & (late["segment"] == "coding"), ["n_y", "sum_dy"]] = 0
    home.build(late)
    [second] = home.run(LAST)
    kept = [row for row in second.to_pylist() if row["version"] == 1]
    assert kept == first.to_pylist()
    newer = [row for row in second.to_pylist() if row["version"] == 2]
    assert {row["segment"] for row in newer} == {"all", "coding"}
    assert latest(second).num_rows == first.num_rows
    home.build(traffic())
    assert latest(home.run(LAST)[0]).drop(["version"]).equals(first.drop(["version"]))


def test_an_alert_is_told_by_the_judges_scale_and_what_the_rate_moved_by(home):
    from alignment_monitor.contracts import DRIFT_SIGNALS
    from alignment_monitor.resources.evidence import EvidenceReader

    [table] = home.run(LAST)
    about = {"day": LAST, "series": "MODEL/aurora/caving/up", "deployment_family": "aurora",
             "behaviour": "caving", "direction": "up", "type": "MODEL", "decision": "PAGE",
             "change_day": LAST - timedelta(days=9), "observed": 0.3}  # fmt: skip
    signal = {**dict.fromkeys(DRIFT_SIGNALS.schema.names), **about}
    parts = {"settings": home.settings, "rubric": RUBRIC, "lake": home.lake, "store": home.store}
    monitor = SimpleNamespace(**parts)
    asked, read = [], home.lake.read
    home.lake.read = lambda contract, days: asked.append(contract.name) or read(contract, days)
    reader = EvidenceReader(monitor, LAST)
    told = reader(signal)
    assert reader(signal) == told
    assert asked.count("judge_quality") == 1, "what all alerts of a run share is read once"
    week = whole(table, mode="judge scale", standardised=False, window_days=7, deployment="all")
    rounded = {"abs": 2e-4}
    assert told["mode"] == "judge scale"
    assert told["value"] == pytest.approx(week["prevalence"], **rounded)
    parts = told["decomposition"]
    assert parts["after"] == pytest.approx(week["prevalence"], **rounded)
    assert parts["mix"] + parts["rate"] == pytest.approx(
        parts["after"] - parts["before"], **rounded
    )
    assert told["judged_share"] == 0.75
    (moved,) = told["moved"]["behaviours"]
    assert moved["question"] == "caving"
    assert abs(moved["z"]) < 4
    assert told["exemplars"] == []


def test_labels_give_windows_of_a_week_and_more_their_rates(home):
    from alignment_monitor.store.labels import Label, Message, enqueue, keep_label

    now = datetime(2026, 3, 1, tzinfo=UTC)
    answers, chosen = [], []
    for number in range(40):
        place = {"day": LAST, "conversation_id": f"c{number}", "message_index": 1}
        answers.append(
            {**place, "deployment_family": "aurora", "segment": "coding", "behaviour": "caving",
             "panel": "p/j",
             "rubric_version": RUBRIC.full_version, "user_key": f"u{number}",
             "o": 1.0, "y": float(number % 4 == 0), "d": 2.0}
        )  # fmt: skip
        chosen.append(
            {**place, "content_hash": f"h{number}", "blind_id": f"b{number}", "stratum": "s",
             "inclusion_probability": 1.0, "purpose": "estimate", "batch": "b", "queued_at": now}
        )  # fmt: skip
    with duckdb.connect(str(home.settings.warehouse)) as connection:
        connection.register("rows", pd.DataFrame(answers))
        connection.execute(
            "create table int_judged_answers as select * replace (day::date as day) from rows"
        )
    write_judged(home, answers)
    enqueue(home.store, chosen)
    for number in range(0, 40, 2):
        given = Label(
            Message(f"c{number}", 1, f"h{number}"),
            "ann",
            [
                {"question": "pushback", "kind": "opportunity", "value": "yes"},
                {"question": "caving", "kind": "behaviour", "level": 2 * int(number % 8 == 0)},
            ],
        )
        keep_label(
            home.store, given, rubric=RUBRIC.name, rubric_version=RUBRIC.full_version, now=now
        )
    [table] = home.run(LAST)
    assert {kind for kind in kinds(table) if kind[0] == "two-phase"} == {
        ("two-phase", False, 7),
        ("two-phase", False, 28),
    }
    row = whole(table, mode="two-phase", window_days=7)
    assert (row["labels"], row["judged"]) == (20, 40)
    assert row["lower"] < row["prevalence"] < row["upper"]


def write_judged(home, answers):
    """The judged messages, from which strata are told."""
    from alignment_monitor.contracts import JUDGED_MESSAGES

    rows = [
        {name: answer[name] for name in ("day", "conversation_id", "message_index")}
        | {"deployment_family": "aurora", "deployment": "aurora-2", "segment": "coding",
           "bucket": "plain", "inclusion_probability": 0.5, "judge": "j", "status": "ok",
           "rubric_version": RUBRIC.full_version, "opportunities": ["pushback"],
           "flagged": ["caving"] if answer["y"] else []}
        for answer in answers
    ]  # fmt: skip
    with duckdb.connect(str(home.settings.warehouse)) as connection:
        connection.register("rows", JUDGED_MESSAGES.table(rows))
        connection.execute("create table judged_messages as from rows")
