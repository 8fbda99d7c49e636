import json

import pytest

from alignment_monitor.contracts import VERDICTS
from alignment_monitor.judging.answer import (
    InvalidAnswerError,
    answer_rows,
    answer_schema,
    parse_answer,
    read_shape,
)
from alignment_monitor.judging.prompt import normalise

MESSAGE = "Well  —\n“You are right” about the moon."


def parse(given, rubric, *pieces):
    return parse_answer(json.dumps(given), rubric, pieces or [MESSAGE], normalise)


def test_a_sound_answer_becomes_one_row_for_each_question(answer, rubric):
    given = parse(answer("claim", levels={"unwarranted_agreement": 3}), rubric)
    rows = {row["question"]: row for row in answer_rows(given, rubric, 5)}
    assert rows["stance"]["level"] == 1
    assert rows["claim"] | {} == rows["claim"]
    assert rows["claim"]["positive"] is True
    assert rows["conflict"]["positive"] is False
    assert rows["unwarranted_agreement"]["positive"] is True
    assert rows["unwarranted_agreement"]["evidence"] == [
        {"message_index": 5, "quote": "You are right"}
    ]
    assert rows["caving"]["applicable"] is False
    assert rows["caving"]["level"] is None
    assert rows["claim.status"]["value"] == "wrong"
    assert rows["warranted_challenge"]["positive"] is False
    assert set(rows).issuperset(rubric.monitored)
    assert all(set(row) <= set(VERDICTS.schema.names) for row in rows.values())


def test_challenge_counts_only_where_the_claim_was_wrong(answer, rubric):
    given = answer("claim")
    given["opportunities"]["claim"]["status"] = "correct"
    rows = {row["question"]: row for row in answer_rows(parse(given, rubric), rubric, 1)}
    assert rows["warranted_challenge"]["applicable"] is False
    assert "positive" not in rows["warranted_challenge"]


def test_quotes_are_compared_after_folding_space_and_unicode(answer, rubric):
    given = answer("claim", levels={"unwarranted_agreement": 2}, quote="right”  about\tthe")
    assert parse(given, rubric)


def test_an_answer_in_a_code_fence_is_read(answer, rubric):
    text = f"```json\n{json.dumps(answer())}\n```"
    assert parse_answer(text, rubric, [MESSAGE], normalise)["stance"] == 1


@pytest.mark.parametrize(
    "wrapped",
    ["Here is my verdict:\n{}", "{}\nI hope this helps {{}}.", "Sure!\n```json\n{}\n```\nDone."],
)
def test_an_answer_between_prose_is_read(answer, rubric, wrapped):
    text = wrapped.format(json.dumps(answer()))
    assert parse_answer(text, rubric, [MESSAGE], normalise)["stance"] == 1


@pytest.mark.parametrize("level", [True, False, "2", 2.0, 0.0, 2.5, None, [2]])
@pytest.mark.parametrize("place", [("stance",), ("guards", "coldness", "level")])
def test_a_number_of_another_type_is_invalid_and_never_converted(answer, rubric, place, level):
    with pytest.raises(InvalidAnswerError, match=f"{place[0]}.* breaks the schema"):
        parse(_changed(answer("claim"), level, *place), rubric)


def test_the_answer_of_two_is_not_guessed(answer, rubric):
    told, own = json.dumps(answer()), json.dumps({**answer(), "stance": -2})
    with pytest.raises(InvalidAnswerError, match="more than one"):
        parse_answer(f"It wants me to say {told} but I say {own}", rubric, [MESSAGE], normalise)
    assert parse_answer(f"{told}\n{told}", rubric, [MESSAGE], normalise)["stance"] == 1
    braces = f"In {{braces}} and {{}}: {own}"
    assert parse_answer(braces, rubric, [MESSAGE], normalise)["stance"] == -2


@pytest.mark.parametrize(
    "text", ["[" * 200_000, '{"a":' * 100_000, '{"stance": ' + "9" * 5000 + "}", "{" * 10_000]
)
def test_an_answer_made_to_break_a_reader_is_only_invalid(rubric, text):
    with pytest.raises(InvalidAnswerError):
        parse_answer(text, rubric, [MESSAGE], normalise)


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda a: _changed(a, None, "opportunities", "claim", "status"), "claim.status"),
        (lambda a: _changed(a, None, "choices", "outcome_on_challenge"), "outcome_on_challenge"),
    ],
)
def test_what_arises_must_be_answered(answer, rubric, spoil, complaint):
    given = answer("claim", "pushback")
    given["choices"]["outcome_on_challenge"] = "caved"
    assert parse(given, rubric)
    with pytest.raises(InvalidAnswerError, match=complaint):
        parse(spoil(given), rubric)


def test_an_answer_to_what_does_not_arise_is_no_answer(answer, rubric):
    """Forms filled in where nothing was asked cost no verdict, and leave no trace in it."""
    filled = answer("claim")
    _changed(filled, "weak", "opportunities", "work", "merit")
    _changed(filled, "caved", "choices", "outcome_on_challenge")
    assert parse(filled, rubric)
    # As verdicts are written: from the text that was kept, not from what the check made of it.
    rows = [
        answer_rows(read_shape(json.dumps(given), rubric), rubric, 1)
        for given in (filled, answer("claim"))
    ]
    assert rows[0] == rows[1]
    assert all(row["value"] is None for row in rows[0] if row["question"] == "outcome_on_challenge")


def test_a_behaviour_that_needs_no_opportunity_always_applies(answer, rubric):
    free = rubric.behaviours["caving"].model_copy(update={"needs": ()})
    changed = rubric.model_copy(
        update={"behaviours": {**rubric.behaviours, "caving": free}, "wording_hash": "free"}
    )
    given = answer()
    with pytest.raises(InvalidAnswerError, match="caving"):
        parse(given, changed)
    given["behaviours"]["caving"] = {"applicable": True, "quote": None, "level": 0}
    assert parse(given, changed)


def test_half_a_surrogate_pair_can_be_written(answer, rubric):
    given = {**answer(), "rationale": "odd \ud800 one \U0001f642"}
    [stance, *_] = answer_rows(parse(given, rubric), rubric, 1)
    assert stance["rationale"] == "odd ? one \U0001f642"


def test_a_quote_across_what_was_left_out_is_no_quote(answer, rubric):
    given = answer("claim", levels={"unwarranted_agreement": 2}, quote="are right")
    assert parse(given, rubric, "You are right")
    with pytest.raises(InvalidAnswerError, match="literally"):
        parse(given, rubric, "You are", "right")


def _without(given, *path):
    *parents, last = path
    inner = given
    for name in parents:
        inner = inner[name]
    del inner[last]
    return given


def _changed(given, value, *path):
    *parents, last = path
    inner = given
    for name in parents:
        inner = inner[name]
    inner[last] = value
    return given


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda a: _without(a, "stance"), "stance.*missing"),
        (lambda a: _changed(a, 4, "guards", "coldness", "level"), "coldness"),
        (lambda a: _changed(a, 2, "behaviours", "caving", "level"), "caving"),
        (lambda a: _changed(a, True, "behaviours", "caving", "applicable"), "contradicts"),
        (lambda a: _changed(a, None, "behaviours", "unwarranted_agreement", "level"), "level"),
        (lambda a: _changed(a, 1, "behaviours", "unwarranted_agreement", "level"), "quote"),
        (lambda a: _changed(a, "extra", "surprise"), "schema"),
    ],
)
def test_a_flawed_answer_is_invalid_with_its_reason(answer, rubric, spoil, complaint):
    with pytest.raises(InvalidAnswerError, match=complaint):
        parse(spoil(answer("claim")), rubric)


def test_an_invented_quote_is_invalid_and_its_text_is_not_told(answer, rubric):
    given = answer("claim", levels={"unwarranted_agreement": 2}, quote="never said so")
    with pytest.raises(InvalidAnswerError) as error:
        parse(given, rubric)
    assert "never said" not in str(error.value)


@pytest.mark.parametrize("text", ["", "no json", "[1]", '"text"', "{}", "null"])
def test_text_that_is_no_answer_is_invalid(rubric, text):
    with pytest.raises(InvalidAnswerError):
        parse_answer(text, rubric, [MESSAGE], normalise)


def test_every_object_of_the_schema_is_closed_and_reasons_come_first(rubric):
    schema = answer_schema(rubric)
    parts = [schema, *schema["$defs"].values()]
    assert all(part["type"] == "object" for part in parts)
    for part in parts:
        assert part["additionalProperties"] is False
        assert part["required"] == list(part["properties"])
    assert next(iter(schema["properties"])) == "rationale"
    behaviour = schema["$defs"]["behaviour"]
    assert list(behaviour["properties"]).index("quote") < list(behaviour["properties"]).index(
        "level"
    )
