import json
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment_monitor.judging.answer import parse_answer
from alignment_monitor.judging.prompt import normalise
from alignment_monitor.judging.rubric import load_rubric
from alignment_monitor.simulation.judge import QUOTE_LENGTH, SimulatedJudge, quote
from alignment_monitor.simulation.texts import telling
from alignment_monitor.simulation.truth import Truth
from alignment_monitor.simulation.world import simulate

RUBRIC = load_rubric()


@pytest.fixture(scope="module")
def labelled(small_config):
    return [pair for conversation in simulate(small_config) for pair in conversation.labelled()]


@pytest.fixture(scope="module")
def judged(labelled, truth):
    """Truth and reported answer of every message."""
    judge = SimulatedJudge(truth, RUBRIC, seed=3)
    return [(labels, judge.answer(text)) for text, labels in labelled]


def reported(answer, name: str):
    return {**answer["behaviours"], **answer["guards"]}[name]["level"]


def near(hits: list[bool], rate: float) -> bool:
    assert len(hits) > 20
    return abs(sum(hits) / len(hits) - rate) < 4 * sqrt(rate * (1 - rate) / len(hits))


@pytest.mark.parametrize("name", RUBRIC.graded)
def test_errors_come_at_the_stated_rates(judged, name) -> None:
    answers = [
        (labels["levels"][name], reported(answer, name))
        for labels, answer in judged
        if name in labels["levels"]
    ]
    assert near([given >= 2 for level, given in answers if level >= 2], 0.88)
    assert near([given < 2 for level, given in answers if level < 2], 0.96)


def test_levels_change_only_by_a_miss_or_a_false_alarm(judged) -> None:
    changes = {
        (level, reported(answer, name))
        for labels, answer in judged
        for name, level in labels["levels"].items()
    }
    assert changes == {(level, level) for level in range(4)} | {
        *((2, 0), (2, 1), (3, 0), (3, 1), (0, 2), (1, 2))
    }


def test_opportunities_choices_and_stance_are_told_as_they_are(judged) -> None:
    for labels, answer in judged:
        present = {n: dict(o) for n, o in answer["opportunities"].items() if o.pop("present")}
        assert present == labels["opportunities"]
        given = {name: value for name, value in answer["choices"].items() if value}
        assert given == labels["choices"]
        assert answer["stance"] == labels["stance"]


def test_every_answer_is_valid_with_literal_quotes(labelled, truth) -> None:
    judge = SimulatedJudge(truth, RUBRIC)
    for text, _ in labelled[:1500]:
        answer = judge.answer(text)
        assert parse_answer(json.dumps(answer), RUBRIC, [text], normalise) == answer
        for name, graded in {**answer["behaviours"], **answer["guards"]}.items():
            if graded["level"] and name != "substance":
                assert graded["quote"] in text
                assert 0 < len(graded["quote"]) <= QUOTE_LENGTH
            else:
                assert graded["quote"] is None


def test_the_seed_moves_the_errors_and_nothing_else_does(labelled, truth) -> None:
    one, again, other = (SimulatedJudge(truth, RUBRIC, seed=seed) for seed in (1, 1, 2))
    answers = [[judge.answer(text) for text, _ in labelled[:300]] for judge in (one, again, other)]
    assert answers[0] == answers[1] != answers[2]


def test_rates_may_differ_by_question(labelled, truth) -> None:
    judge = SimulatedJudge(truth, RUBRIC, sensitivity={"unearned_praise": 0.0}, specificity=1.0)
    for text, labels in labelled:
        answer, levels = judge.answer(text), labels["levels"]
        if "unearned_praise" in levels:
            assert reported(answer, "unearned_praise") < 2
        assert all(reported(answer, name) < 2 for name, level in levels.items() if level < 2)
    caved = [text for text, labels in labelled if labels["levels"].get("caving", 0) >= 2]
    assert near([reported(judge.answer(text), "caving") >= 2 for text in caved], 0.88)


def test_an_unknown_text_offers_nothing(truth) -> None:
    answer = SimulatedJudge(truth, RUBRIC).answer("Never seen before.")
    assert parse_answer(json.dumps(answer), RUBRIC, ["Never seen before."], normalise) == answer
    assert answer["stance"] == 0
    assert not any(given["present"] for given in answer["opportunities"].values())
    assert not any(given["applicable"] for given in answer["behaviours"].values())
    levels = {name: given["level"] for name, given in answer["guards"].items()}
    assert levels == {"needless_contrarianism": 0, "substance": 2, "coldness": 0}


def test_levels_left_out_of_imported_labels_mean_no_event(tmp_path) -> None:
    from alignment_monitor.simulation.truth import add_labels

    given = {"opportunities": {"work": {"merit": "weak"}}, "levels": {}, "choices": {}, "stance": 1}
    add_labels(tmp_path / "truth.parquet", [("Fine work.", given)])
    judge = SimulatedJudge(Truth.load(tmp_path / "truth.parquet"), RUBRIC, specificity=1.0)
    answer = judge.answer("Fine work.")
    assert answer["behaviours"]["unearned_praise"]["level"] == 0
    assert answer["opportunities"]["work"] == {"present": True, "merit": "weak"}


@given(st.text())
def test_a_quote_is_a_short_line_of_the_text(text: str) -> None:
    found = quote(text, "caving")
    assert found in text
    assert "\n" not in found
    assert len(found) <= QUOTE_LENGTH
    assert bool(found) == bool(text.strip())


def test_the_first_sentence_ends_where_a_sentence_does() -> None:
    assert quote("  No: v. 1.2 it is? Yes. So.", "caving") == "No: v."
    assert quote("One line\nand another.", "caving") == "One line"
    assert quote("word " * 60, "caving") == ("word " * 32).strip()
    assert quote("Yes. So.", "no question of the rubric") == "Yes."


def test_a_quote_is_what_answers_the_question(labelled) -> None:
    told = [
        (text, quote(text, name), telling(text, name))
        for text, labels in labelled
        for name, level in labels["levels"].items()
        if level >= 2 and name in RUBRIC.behaviours
    ]
    assert len(told) > 100
    assert all(words and words.startswith(quoted) for _, quoted, words in told)
    assert sum(not text.startswith(quoted) for text, quoted, _ in told) > len(told) / 10
