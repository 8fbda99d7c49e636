from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment_monitor.screening.features import BUCKETS, MOST_CHARACTERS, buckets, feature_matrix

TEXTS = st.lists(st.text(max_size=60), min_size=1, max_size=6)


def of(text):
    return set(buckets([text])[0].tolist())


def each(texts):
    found, bounds = buckets(texts)
    return [found[a:b].tolist() for a, b in pairwise(bounds)]


@given(TEXTS)
def test_what_a_text_holds_does_not_depend_on_the_texts_beside_it(texts):
    together = each(texts)
    assert len(together) == len(texts)
    assert together == [each([text])[0] for text in texts]


def test_the_features_are_windows_of_four_characters_words_and_pairs_of_words():
    # "a bc": 1 window, 2 words, 1 pair; "abcde fgh": 6 windows, 2 words, 1 pair
    assert len(of("a bc")) == 4
    assert len(of("abcde fgh")) == 9
    assert len(of("no no no")) == len({"no n", "o no", " no ", "no", "no no"})


def test_a_window_a_word_and_a_pair_of_the_same_letters_are_told_apart():
    assert len(of("abcd")) == 2
    assert of("ab cd") & of("cd ab") == of("ab") | of("cd")


def test_order_of_words_counts():
    assert of("you are right") != of("right you are")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("You Are RIGHT", "you are right"),
        ("it's 1984", "it’s 2026"),
        ("a\nb\tc d", "a b c d"),
        ("STRASSE ÄÖ", "strasse äö"),
    ],
)
def test_case_digits_kinds_of_space_and_apostrophes_do_not_count(one, other):
    assert of(one) == of(other)


def test_empty_and_odd_texts_have_rows():
    matrix = feature_matrix(["", "\ud800", "🙂", "x" * 50])
    assert matrix.shape == (4, BUCKETS)
    assert matrix[0].nnz == 0
    assert feature_matrix([]).shape == (0, BUCKETS)
    assert feature_matrix(["", ""]).nnz == 0


@given(TEXTS)
def test_rows_have_length_one_however_long_the_text(texts):
    matrix = feature_matrix(texts)
    lengths = np.sqrt(matrix.multiply(matrix).sum(axis=1)).A1
    assert np.allclose(lengths, [bool(part) for part in each(texts)], atol=1e-5)


def test_only_the_start_of_a_huge_text_is_read():
    start = "ab " * (MOST_CHARACTERS // 3 + 1)
    assert of(start[:MOST_CHARACTERS]) == of(start[:MOST_CHARACTERS] + "never read " * 1_000)


def test_different_words_seldom_share_a_bucket():
    words = [f"{a}{b}{c}" for a in "bcdfghkl" for b in "aeiou" for c in "mnprstvz"]
    alone = [next(iter(of(word))) for word in words]  # three letters: the word and no window
    assert all(len(of(word)) == 1 for word in words)
    assert len(set(alone)) >= len(words) - 3
