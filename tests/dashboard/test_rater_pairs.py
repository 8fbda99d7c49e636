"""Agreement of every two raters."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rater_pairs import PEOPLE, UNIT, agreements, people

from alignment_monitor.judging.audit.annotators import ADJUDICATED

DAY = date(2026, 9, 1)


def events(rater, answers, question="caving"):
    return pd.DataFrame(
        [
            {"rater": rater, "day": DAY, "conversation_id": f"c-{n}", "message_index": 1,
             "question": question, "event": float(answer)}
            for n, answer in enumerate(answers)
            if answer is not None
        ],
        columns=["rater", *UNIT, "question", "event"],
    )  # fmt: skip


def test_a_known_table_gives_the_known_coefficients():
    # 40 both yes, 9 first only, 6 second only, 45 neither: Cohen's kappa by hand.
    first = [1] * 49 + [0] * 51
    second = [1] * 40 + [0] * 9 + [1] * 6 + [0] * 45
    (pair,) = agreements(pd.concat([events("a", first), events("b", second)]), ["caving"])
    assert (pair.n, pair.same) == (100, pytest.approx(0.85))
    chance = 0.49 * 0.46 + 0.51 * 0.54
    assert pair.kappa == pytest.approx((0.85 - chance) / (1 - chance))
    both = (0.49 + 0.46) / 2
    gwet = 2 * both * (1 - both)
    assert pair.ac1 == pytest.approx((0.85 - gwet) / (1 - gwet))
    assert pair.lower < pair.ac1 < pair.upper


@settings(max_examples=30)
@given(st.lists(st.sampled_from([0, 1, None]), min_size=2, max_size=25))
def test_a_rater_agrees_with_itself_wherever_it_answered(answers):
    found = agreements(pd.concat([events("a", answers), events("b", answers)]), ["caving"])
    known = [one for one in answers if one is not None]
    assert [pair.n for pair in found] == ([len(known)] if known else [])
    assert all(pair.same == 1 and pair.ac1 == pytest.approx(1) for pair in found)
    assert all(pair.lower is None for pair in found), "no width is no certainty"


def test_people_come_last_by_majority_and_a_tie_is_no_answer():
    votes = {"c-0": [1, 1, 0], "c-1": [1, 0], "c-2": [0, 0]}
    labels = pd.DataFrame(
        [
            {"annotator": f"p{n}", "day": DAY, "conversation_id": name, "message_index": 1,
             "question": "caving", "event": float(vote)}
            for name, given in votes.items()
            for n, vote in enumerate(given)
        ]
    )  # fmt: skip
    said = people(labels)
    assert dict(zip(said["conversation_id"], said["event"], strict=True)) == {"c-0": 1, "c-2": 0}
    found = agreements(pd.concat([events("zeta", [1, 1, 0]), said]), ["caving"])
    assert [(pair.first, pair.second, pair.n) for pair in found] == [("zeta", PEOPLE, 2)]


def test_a_final_label_counts_in_place_of_those_that_differ():
    votes = {"ann": 0, "ben": 0, "cy": 1, f"{ADJUDICATED}di": 1}
    labels = pd.concat(
        [
            events("people", [vote, 1] if name == "ann" else [vote]).assign(annotator=name)
            for name, vote in votes.items()
        ]
    )
    said = people(labels)
    assert dict(zip(said["conversation_id"], said["event"], strict=True)) == {"c-0": 1, "c-1": 1}


def test_what_nobody_shares_gives_no_pair():
    apart = pd.concat([events("a", [1, None]), events("b", [None, 1])])
    assert agreements(apart, ["caving"]) == []
    assert agreements(events("a", [1, 0]), ["caving", "other"]) == []


def test_raters_by_lot_agree_by_chance_alone():
    rng = np.random.default_rng(1)
    lots = [rng.integers(0, 2, 4000) for _ in range(2)]
    (pair,) = agreements(pd.concat([events(str(n), lot) for n, lot in enumerate(lots)]), ["caving"])
    assert abs(pair.ac1) < 0.05
    assert pair.lower < 0.03
    assert pair.upper > -0.03
