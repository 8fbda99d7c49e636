import json
from datetime import date

import pytest

from alignment_monitor.judging.journal import Answer
from alignment_monitor.judging.money import cost, unit_cost
from alignment_monitor.judging.verdicts import verdict_rows
from alignment_monitor.judging.window import make_unit
from alignment_monitor.settings import Judge, Judging
from tests.fakes.decision_api import RUBRIC, kept, some_answers

DAY = date(2026, 3, 2)
DECIDES = Judge(backend="decisions", model="gpt-6-luna", rationale_model="gpt-5-mini")
TURNS = [
    {"index": 0, "role": "user", "content": "The moon is bigger, right?"},
    {"index": 1, "role": "assistant", "content": "You are right."},
]
UNIT = make_unit("c", 1, TURNS, context_messages=6, max_tokens=3000)


def decided(**given):
    return Answer("ok", "gpt-6-luna", json.dumps(kept(some_answers(), **given)), 10_000, 22)


def rows(answer, judge):
    return verdict_rows(DAY, [UNIT], {UNIT.key: answer}, judge, RUBRIC, Judging())


def test_a_verdict_without_reasons_costs_what_was_read():
    assert unit_cost(DECIDES, decided()) == pytest.approx(10_000 * 0.10 / 1e6)


def test_reasons_are_paid_at_the_price_of_the_model_that_gave_them():
    reasons = cost(Judge(model="gpt-5-mini"), 2_000, 300)
    found = unit_cost(DECIDES, decided(rationale="Because.", rationale_tokens=[2_000, 300]))
    assert reasons is not None
    assert found == pytest.approx(0.001 + reasons)
    stance = rows(decided(rationale="Because.", rationale_tokens=[2_000, 300]), DECIDES)[0]
    assert (stance["cost_usd"], stance["prompt_tokens"]) == (found, 10_000)
    assert stance["rationale"] == "Because."


@pytest.mark.parametrize(
    ("judge", "tokens"),
    [
        (DECIDES, [None, None]),
        (DECIDES.model_copy(update={"rationale_model": "nobody-knows-it"}), [2_000, 300]),
        (DECIDES.model_copy(update={"model": "nobody-knows-it"}), [2_000, 300]),
    ],
)
def test_a_cost_of_which_a_part_is_unknown_is_unknown(judge, tokens):
    assert unit_cost(judge, decided(rationale_tokens=tokens)) is None


def test_an_own_price_of_the_judge_is_not_that_of_its_reasons():
    own = {"usd_per_million_prompt_tokens": 50.0, "usd_per_million_completion_tokens": 0.0}
    judge = DECIDES.model_copy(update=own)
    reasons = cost(Judge(model="gpt-5-mini"), 2_000, 300)
    assert reasons is not None
    found = unit_cost(judge, decided(rationale_tokens=[2_000, 300]))
    assert found == pytest.approx(0.5 + reasons)


@pytest.mark.parametrize("status", ["refused", "invalid", "failed", "awaiting"])
def test_without_a_verdict_one_row_says_why(status):
    answer = Answer(status, "m", "not to be read", 10, 1, "a reason")
    (row,) = rows(answer, Judge(simulated=True))
    assert (row["question"], row["status"], row["error"]) == ("stance", status, "a reason")
    assert "applicable" not in row


def test_levels_and_probabilities_are_told_apart_by_the_judge(answer):
    by_level = {
        row["question"]: row
        for row in rows(Answer("ok", "m", json.dumps(answer("claim"))), Judge(simulated=True))
    }
    by_share = {row["question"]: row for row in rows(decided(), DECIDES)}
    assert by_level.keys() == by_share.keys()
    assert by_level["claim"].get("probability") is None
    assert by_share["claim"]["probability"] == 0.0
    assert by_level["claim"]["fingerprint"] != by_share["claim"]["fingerprint"]
