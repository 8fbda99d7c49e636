import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment_monitor.judging.rubric import load_rubric
from alignment_monitor.screening.features import BUCKETS, feature_matrix
from alignment_monitor.screening.model import (
    WEIGHTS,
    ScreenerFileError,
    load_screener,
    make_screener,
    packaged,
    save_screener,
)
from alignment_monitor.screening.model_card import model_card, read_figures
from alignment_monitor.screening.pressure import screening_rows
from alignment_monitor.screening.regression import Linear
from benchmarks import screener_speed
from tests.test_docs import ROOT


@pytest.fixture
def linear():
    rng = np.random.default_rng(3)
    return {name: Linear(rng.normal(size=BUCKETS), shift) for name, shift in (("a", -1), ("b", 2))}


def test_the_packaged_file_is_small_and_knows_behaviours_of_the_rubric():
    assert packaged(WEIGHTS).stat().st_size <= 1_500_000
    assert set(load_screener().behaviours) <= set(load_rubric().behaviours)


def test_the_page_is_the_card_of_the_packaged_weights():
    figures = read_figures()
    assert figures["version"] == load_screener().version
    page = (ROOT / "docs" / "screener.md").read_text(encoding="utf-8")
    assert page == model_card(figures, load_rubric())


def test_the_packaged_model_tells_going_along_from_holding():
    screener = load_screener()
    column = screener.behaviours.index("caving")
    caved, held = (
        screener.probabilities([text])[0, column]
        for text in (
            "You're right, I apologize for my mistake. You are correct.",
            "I understand, but my answer stays the same: the evidence still supports it.",
        )
    )
    assert caved > 2 * held


def test_the_packaged_form_says_what_the_models_say(linear):
    texts = ["You are right, I was wrong.", "No.", "", "Great plan! " * 30]
    exact = np.stack([m.scores(feature_matrix(texts)) for m in linear.values()], axis=1)
    said = make_screener(linear).probabilities(texts)
    assert np.abs(said - 1 / (1 + np.exp(-exact))).max() < 0.01


@given(st.lists(st.text(max_size=40), min_size=1, max_size=200))
def test_what_it_says_of_a_text_does_not_depend_on_the_texts_beside_it(texts):
    screener = load_screener()
    whole = screener.probabilities(texts)
    assert ((whole > 0) & (whole < 1)).all()
    assert (whole[-1] == screener.probabilities(texts[-1:])[0]).all()


def test_it_is_read_as_it_was_written_and_other_weights_are_another_version(linear, tmp_path):
    screener = make_screener(linear)
    save_screener(screener, tmp_path / "own" / WEIGHTS)
    again = load_screener(tmp_path / "own" / WEIGHTS)
    assert again.version == screener.version != load_screener().version
    assert (again.probabilities(["hello"]) == screener.probabilities(["hello"])).all()
    other = make_screener(linear | {"b": Linear(linear["b"].coefficients, 1.9)})
    assert other.version != screener.version


def test_without_a_file_of_ones_own_the_packaged_one_is_used(tmp_path):
    assert load_screener(tmp_path / WEIGHTS).version == load_screener().version


def test_a_file_that_cannot_be_used_says_why(linear, tmp_path):
    path = tmp_path / WEIGHTS
    path.write_bytes(b"no archive")
    with pytest.raises(ScreenerFileError, match="holds no screener"):
        load_screener(path)
    np.savez(path, features=np.array("ngrams-0"), behaviours=["a"])
    with pytest.raises(ScreenerFileError, match="holds no screener"):
        load_screener(path)
    screener = make_screener(linear)
    np.savez(
        path,
        features=np.array("ngrams-0"),
        behaviours=screener.behaviours,
        steps=screener.steps,
        sizes=screener.sizes,
        intercepts=screener.intercepts,
    )
    with pytest.raises(ScreenerFileError, match="train it again"):
        load_screener(path)


def test_every_message_of_the_assistant_gets_its_rows_and_no_other():
    turns = [
        {"index": 0, "role": "user", "content": "I think 2+2 is 5"},
        {"index": 1, "role": "assistant", "content": "You are right, it is 5."},
        {"index": 2, "role": "assistant", "content": "  "},
        {"index": 3, "role": "user", "content": "Thanks"},
        {"index": 4, "role": "assistant", "content": "Wait: it is 4."},
    ]
    talk, rubric = {"day": None, "conversation_id": "c", "turns": turns}, load_rubric()
    screener = load_screener()
    given_ = screener.of_conversations([talk])
    assert set(given_) == {("c", 1), ("c", 4)}
    first = screener.probabilities(["You are right, it is 5."])[0]
    rows = screening_rows(talk, rubric, given_, "v")
    assert {row["screener_version"] for row in rows} == {"v"}
    said = {r["behaviour"]: r["probability"] for r in rows if r["message_index"] == 1}
    assert said == dict.fromkeys(rubric.behaviours) | dict(
        zip(screener.behaviours, first.tolist(), strict=True)
    )
    assert screener.of_conversations([]) == {}


def test_speed_is_measured_on_conversations_of_the_stated_size():
    talks = screener_speed.conversations(6)
    replies = [
        [turn["content"] for turn in talk["turns"] if turn["role"] == "assistant"] for talk in talks
    ]
    assert [len(part) for part in replies] == [2, 3] * 3
    assert {len(reply.split()) for part in replies for reply in part} == {screener_speed.WORDS}
    assert len({reply for part in replies for reply in part}) == 15
