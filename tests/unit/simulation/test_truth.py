import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment_monitor.simulation.truth import (
    Labels,
    Truth,
    TruthError,
    add_labels,
    text_key,
    write_truth,
)
from alignment_monitor.simulation.world import simulate_day


def labels(level: int) -> Labels:
    return {
        "opportunities": {"claim": {"status": "wrong"}},
        "levels": {"unwarranted_agreement": level},
        "choices": {},
        "stance": 0,
    }


@given(st.lists(st.text(min_size=1).filter(lambda word: word.strip() == word), min_size=1))
def test_the_key_is_blind_to_white_space_and_composition(words: list[str]) -> None:
    text = " ".join(words)
    assert text_key("\n\t".join(words) + " ") == text_key(text)
    assert text_key(unicodedata.normalize("NFD", text)) == text_key(text)


def test_other_words_other_key() -> None:
    assert text_key("You are right.") != text_key("You are wrong.")


def test_every_reply_of_the_world_is_found_with_its_labels(small_config, truth) -> None:
    pairs = [p for c in simulate_day(small_config, small_config.first_day) for p in c.labelled()]
    assert pairs
    for text, expected in pairs:
        assert truth.find(text_key(text)) == expected


def test_the_same_world_writes_the_same_file(small_config, truth_file, tmp_path) -> None:
    again = tmp_path / "again.parquet"
    assert write_truth(small_config, again) == len(Truth.load(truth_file))
    assert again.read_bytes() == truth_file.read_bytes()


def test_labels_are_added_and_replaced(tmp_path) -> None:
    path = tmp_path / "new" / "truth.parquet"
    assert add_labels(path, [("one", labels(0)), ("two", labels(1))]) == 2
    assert add_labels(path, [("two", labels(3)), ("three", labels(2))]) == 3
    truth = Truth.load(path)
    found = [truth.find(text_key(text)) for text in ("one", "two", "three")]
    assert found == [labels(0), labels(3), labels(2)]
    assert truth.find(text_key("four")) is None
    assert [file.name for file in path.parent.iterdir()] == ["truth.parquet"]


def test_a_file_that_is_no_truth_is_named(tmp_path) -> None:
    path = tmp_path / "truth.parquet"
    with pytest.raises(TruthError, match=r"truth\.parquet"):
        Truth.load(path)
    path.write_bytes(b"no parquet at all")
    with pytest.raises(TruthError, match=r"truth\.parquet"):
        Truth.load(path)
