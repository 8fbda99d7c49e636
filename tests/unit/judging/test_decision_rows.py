import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment_monitor.judging.answer import InvalidAnswerError
from alignment_monitor.judging.backends import judge_key
from alignment_monitor.judging.decision_questions import options, questions_hash
from alignment_monitor.judging.decision_rows import check_answers, decision_rows, flagged
from alignment_monitor.settings import Judge, Judging
from tests.fakes.decision_api import RUBRIC, kept, some_answers, spread


def by_question(rows):
    return {row["question"]: row for row in rows}


def test_the_hash_follows_the_wording():
    other = RUBRIC.model_copy(deep=True, update={"wording_hash": "other"})
    object.__setattr__(other.stance, "ask", "How far does it agree?")
    assert questions_hash(other) != questions_hash(RUBRIC)
    keys = {judge_key(Judge(backend=b), RUBRIC, Judging()) for b in ("chat", "decisions")}
    assert len(keys) == 2


def test_what_is_improbable_keeps_its_probabilities_but_is_not_positive():
    answers = some_answers(
        claim=0.25, conflict=0.375, unwarranted_agreement=spread("0123", L2=0.25, L3=0.5)
    )
    rows = by_question(decision_rows(kept(answers), RUBRIC, 1))
    row = rows["unwarranted_agreement"]
    assert (row["applicable"], row["applicable_probability"], row["probability"]) == (
        False, 0.375, 0.75,
    )  # fmt: skip
    assert not {"positive", "level"} & row.keys()
    assert rows["claim"]["applicable"]
    assert rows["claim"]["positive"] is False
    assert (rows["claim.status"]["applicable"], "value" in rows["claim.status"]) == (False, False)
    assert rows["coldness"]["applicable_probability"] == 1.0
    assert (rows["coldness"]["level"], rows["coldness"]["positive"]) == (0, False)
    assert (rows["no_position"]["value"], rows["no_position"]["probability"]) == ("yes", 1.0)
    assert rows["outcome_on_challenge"]["applicable"] is False


def test_a_question_refused_takes_with_it_what_cannot_be_said_without_it():
    rows = by_question(decision_rows(kept(some_answers(claim=None, stance=None)), RUBRIC, 1))
    refused = {name for name, row in rows.items() if row.get("status") == "refused"}
    assert refused == {
        "claim", "claim.status", "unwarranted_agreement", "unearned_praise", "warranted_challenge",
    }  # fmt: skip
    assert all(rows[name]["applicable"] is None for name in refused)
    assert rows["stance"]["applicable"] is False


shares = st.lists(st.integers(0, 1000), min_size=5, max_size=5).filter(any)


@st.composite
def distributions(draw):
    def answer(labels):
        if draw(st.integers(0, 9)) == 0:
            return None
        if not labels:
            return draw(st.floats(0, 1))
        weights = draw(shares)[: len(labels)]
        total = sum(weights) or 1
        weights = weights if any(weights) else [1, *weights[1:]]
        return dict(zip(labels, (round(weight / total, 3) for weight in weights), strict=True))

    return {name: answer(labels) for name, labels in options(RUBRIC).items()}


@settings(max_examples=60)
@given(distributions())
def test_whatever_the_probabilities_the_rows_hold_what_is_expected_of_them(answers):
    check_answers(answers, RUBRIC)
    rows = decision_rows(kept(answers), RUBRIC, 1)
    found = by_question(rows)
    assert len(found) == len(rows) == len(options(RUBRIC)) + len(RUBRIC.derived)
    for row in rows:
        assert (row.get("status", "ok") == "ok") == (row["applicable"] is not None)
        assert row.get("positive") is None or row["applicable"]
        for name in ("probability", "applicable_probability"):
            assert row.get(name) is None or 0 <= row[name] <= 1
        if row["kind"] in ("behaviour", "guard", "derived") and row["applicable"] is not None:
            assert row["probability"] is not None
            assert row["applicable_probability"] is not None
    for name in flagged(answers, RUBRIC):
        assert found[name]["positive"]


UNUSABLE = {
    "unknown label": some_answers(caving={"0": 0.5, "1": 0, "2": 0, "3": 0, "bogus": 0.5}),
    "missing label": some_answers(caving={"0": 0.5, "1": 0.5, "2": 0}),
    "unknown option": some_answers(**{"claim.status": {"correct": 0.5, "bogus": 0.5}}),
    "sum": some_answers(caving={"0": 0.5, "1": 0.2, "2": 0.2, "3": 0.0}),
    "negative": some_answers(caving={"0": 1.2, "1": -0.2, "2": 0, "3": 0}),
    "above one": some_answers(claim=1.0001),
    "text": some_answers(claim="0.5"),
    "truth value": some_answers(claim=True),
    "not a number": some_answers(claim=float("nan")),
    "nothing": some_answers(caving={"0": 1.0, "1": 0, "2": 0, "3": None}),
    "one for several": some_answers(caving=0.5),
    "several for one": some_answers(claim={"0": 1.0}),
}


@pytest.mark.parametrize("answers", UNUSABLE.values(), ids=UNUSABLE)
def test_an_unusable_answer_is_invalid_and_its_text_is_not_told(answers):
    with pytest.raises(InvalidAnswerError) as error:
        check_answers(answers, RUBRIC)
    assert "bogus" not in str(error.value)


def test_every_question_must_be_answered_and_no_other():
    whole = some_answers()
    with pytest.raises(InvalidAnswerError, match="caving is not answered"):
        check_answers({name: a for name, a in whole.items() if name != "caving"}, RUBRIC)
    with pytest.raises(InvalidAnswerError, match="not asked"):
        check_answers({**whole, "secret words": 0.5}, RUBRIC)
    check_answers({**whole, "caving": {"0": 0.333, "1": 0.333, "2": 0.333, "3": 0}}, RUBRIC)


def test_rounded_probabilities_never_make_more_than_certain():
    answers = some_answers(claim=1, caving={"0": 0, "1": 0, "2": 0.505, "3": 0.505}, pushback=1)
    check_answers(answers, RUBRIC)
    assert by_question(decision_rows(kept(answers), RUBRIC, 1))["caving"]["probability"] == 1.0


def test_two_doubtful_opportunities_do_not_make_a_certain_one():
    answers = some_answers(claim=0.4, conflict=0.3, unwarranted_agreement=spread("0123", L3=1.0))
    assert flagged(answers, RUBRIC) == []
    row = by_question(decision_rows(kept(answers), RUBRIC, 1))["unwarranted_agreement"]
    assert row["applicable_probability"] == 0.4


def test_quotes_are_evidence_of_what_is_flagged():
    answers = some_answers(claim=0.75, unwarranted_agreement=spread("0123", L3=0.75))
    quotes = {"unwarranted_agreement": "You are right"}
    given = kept(answers, quotes=quotes, rationale="It agrees.")
    rows = by_question(decision_rows(given, RUBRIC, 5))
    assert rows["stance"]["rationale"] == "It agrees."
    assert rows["unwarranted_agreement"]["level"] == 3
    assert [row["evidence"] for row in rows.values() if row["evidence"]] == [
        [{"message_index": 5, "quote": "You are right"}]
    ]
