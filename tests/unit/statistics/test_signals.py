from datetime import date, timedelta

import pandas as pd
import pyarrow as pa
import pytest

from alignment_monitor.contracts import DRIFT_SIGNALS
from alignment_monitor.statistics.signals import coverage_signals

DAY = date(2026, 1, 1)


def signals(states, accepted=100, *, days=1, **options):
    messages = [(DAY, state, count) for state, count in states.items()]
    return coverage_signals(
        pd.DataFrame(messages, columns=["day", "state", "count"]),
        pd.DataFrame([(DAY, accepted)], columns=["day", "accepted"]),
        from_day=DAY,
        to_day=DAY + timedelta(days=days - 1),
        **options,
    )


def only(states, **options):
    (row,) = signals(states, **options).to_dict("records")
    return row


def test_a_judged_day_is_quiet_and_keeps_the_contract():
    found = signals({"judged": 90, "judge_failed": 10, "sampled_out": 900, "over_budget": 50})
    row = DRIFT_SIGNALS.conform(pa.Table.from_pandas(found, preserve_index=False)).to_pylist()[0]
    assert (row["series"], row["type"]) == ("PIPELINE/all/coverage/down", "PIPELINE")
    assert (row["phase"], row["decision"], row["n"]) == ("watching", "NONE", 90)
    assert row["observed"] == pytest.approx(0.9)
    assert row["statistic"] is None


@pytest.mark.parametrize(
    "lost", ["judged_partly", "judge_refused", "judge_invalid", "judge_failed"]
)
def test_too_little_judged_pages(lost):
    assert only({"judged": 80, lost: 20})["decision"] == "NONE"
    row = only({"judged": 79, lost: 21})
    assert (row["decision"], row["phase"]) == ("PAGE", "watching")
    assert only({"judged": 79, lost: 21}, minimum_judged_share=0.7)["decision"] == "NONE"


def test_a_day_that_awaits_its_batch_has_no_data_and_pages_nobody():
    row = only({"awaiting_verdict": 50})
    assert (row["decision"], row["phase"], row["n"]) == ("NONE", "no_data", 0)
    assert only({"awaiting_verdict": 50, "judge_failed": 1})["decision"] == "PAGE"


@pytest.mark.parametrize("states", [{"judge_failed": 50}, {"judge_invalid": 50}])
def test_nothing_judged_pages_with_a_share_of_zero(states):
    row = only(states)
    assert (row["decision"], row["phase"], row["observed"], row["n"]) == ("PAGE", "no_data", 0, 0)


@pytest.mark.parametrize(("states", "accepted"), [({"judged": 5}, 0), ({"sampled_out": 9}, 9)])
def test_nothing_to_judge_pages_without_a_share(states, accepted):
    row = only(states, accepted=accepted)
    assert (row["decision"], row["phase"]) == ("PAGE", "no_data")
    assert pd.isna(row["observed"])


def test_what_still_waits_is_not_yet_lost():
    assert only({"judged": 90, "awaiting_verdict": 500})["decision"] == "NONE"


def test_a_day_that_is_absent_was_empty():
    found = signals({"judged": 90}, days=3)
    assert found["decision"].tolist() == ["NONE", "PAGE", "PAGE"]
    assert found["day"].tolist() == [DAY + timedelta(days=index) for index in range(3)]
    nothing = signals({}, days=2)
    assert nothing["decision"].tolist() == ["PAGE", "PAGE"]
