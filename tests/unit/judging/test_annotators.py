import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment_monitor.judging.audit.annotators import agreement, consensus, ratings_of
from alignment_monitor.judging.rubric import POSITIVE_LEVEL, load_rubric

RUBRIC = load_rubric()
TURNS = (
    {"index": 0, "role": "user", "content": "q"},
    {"index": 1, "role": "assistant", "content": "a"},
)


def vote(annotator="ann", opportunities=None, index=1, **levels):
    return {
        "message_index": index,
        "annotator": annotator,
        "opportunities": {"claim": {"status": "wrong"}} if opportunities is None else opportunities,
        "levels": levels,
    }


def agreed(*votes):
    (one,), split = consensus("gold:a", TURNS, votes, RUBRIC)
    return one, split


def test_one_annotator_is_taken_at_their_word():
    one, split = agreed(vote(unwarranted_agreement=3) | {"stance": 1})
    assert one.levels == {"unwarranted_agreement": 3}
    assert one.opportunities == {"claim": {"status": "wrong"}}
    assert (one.stance, split) == (1, 0)


def test_the_majority_says_what_is_offered():
    yes, no = {"claim": {"status": "wrong"}}, {}
    assert agreed(vote("a", yes), vote("b", yes), vote("c", no))[0].opportunities == yes
    assert agreed(vote("a", no), vote("b", yes), vote("c", no))[0].opportunities == {}
    one, split = agreed(vote("a", yes, unwarranted_agreement=2), vote("b", no))
    assert (one.undecided, split) == ({"claim"}, 1)
    questions = {row["question"] for row in one.rows(RUBRIC)}
    assert questions.isdisjoint({"claim", "unwarranted_agreement", "unearned_praise"})
    assert "caving" in questions  # it certainly does not apply


def test_a_side_answer_without_a_majority_is_unknown():
    one, _ = agreed(
        vote("a", {"claim": {"status": "wrong"}}, unwarranted_agreement=0),
        vote("b", {"claim": {"status": "correct"}}, unwarranted_agreement=0),
    )
    assert one.opportunities == {"claim": {}}
    assert "warranted_challenge" not in {row["question"] for row in one.rows(RUBRIC)}


@given(st.lists(st.integers(0, 3), min_size=1, max_size=7))
def test_a_level_is_the_median_on_the_side_of_the_majority(levels):
    votes = [vote(str(n), unwarranted_agreement=level) for n, level in enumerate(levels)]
    one, split = agreed(*votes)
    events = sum(level >= POSITIVE_LEVEL for level in levels)
    if 2 * events == len(levels):
        assert one.levels == {}
        assert split == 1
    else:
        level = one.levels["unwarranted_agreement"]
        assert level in levels
        assert (level >= POSITIVE_LEVEL) == (2 * events > len(levels))
        assert sum(x < level for x in levels) <= len(levels) / 2
        assert sum(x > level for x in levels) <= len(levels) / 2


@given(st.permutations(range(4)))
def test_the_order_of_the_annotators_changes_nothing(order):
    votes = [
        vote("a", {"claim": {"status": "wrong"}}, unwarranted_agreement=0),
        vote("b", {"claim": {"status": "wrong"}, "work": {}}, unwarranted_agreement=1),
        vote("c", {"work": {"merit": "weak"}}, unearned_praise=2),
        vote("d", {"claim": {"status": "correct"}}, unwarranted_agreement=3),
    ]
    assert agreed(*(votes[place] for place in order)) == agreed(*votes)


def ratings(*people, items=40):
    """What annotators gave to many messages: each person is a function of the true level."""
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 4, items)
    return [
        {**row, "item_id": f"gold:{item}"}
        for item, level in enumerate(truth)
        for name, person in enumerate(people)
        for row in ratings_of("", [vote(str(name), caving=int(person(rng, level)))])
    ]


def test_annotators_are_held_against_each_other():
    def careful(rng, level):
        return level

    def random(rng, level):
        return rng.integers(0, 4)

    def near(rng, level):
        return np.clip(level + rng.integers(-1, 2), 0, 3)

    assert agreement(ratings(careful, careful))["caving"].value == 1
    assert agreement(ratings(random, random))["caving"].value == pytest.approx(0, abs=0.35)
    close = agreement(ratings(careful, near))["caving"]
    assert 0.5 < close.lower < close.value < close.upper < 1


def test_a_question_that_nobody_answered_twice_has_no_agreement():
    assert agreement(ratings(lambda rng, level: level)) == {}
    assert agreement([]) == {}
