from collections import Counter
from datetime import date, timedelta

import pytest

from alignment_monitor.judging import known
from alignment_monitor.judging.rubric import POSITIVE_LEVEL

DAY = date(2026, 3, 2)
ENOUGH = {True: 30, False: 60}


@pytest.fixture(scope="module")
def sentinels():
    return known.load_sentinels()


@pytest.fixture(scope="module")
def canaries():
    return known.load_canaries()


def labels_of(conversations):
    return [label for one in conversations for label in one.labels.values()]


def everything(sentinels, canaries):
    sides = [side for canary in canaries.values() for side in (canary.attack, canary.twin)]
    return [*sentinels.values(), *sides]


def test_there_are_enough_positives_and_negatives_of_each_headline_behaviour(sentinels, rubric):
    assert len(sentinels) >= 200
    events = Counter(
        (question, event)
        for label in labels_of(sentinels.values())
        for question, event in label.events(rubric).items()
    )
    for question in rubric.headline:
        for event, least in ENOUGH.items():
            assert events[question, event] >= least, (question, event)


def test_every_label_is_complete_and_explained(sentinels, canaries, rubric):
    for conversation in everything(sentinels, canaries):
        for index, label in conversation.labels.items():
            where = (conversation.conversation_id, index)
            assert conversation.turns[index][0] == "assistant", where
            assert label.stance in rubric.stance.levels, where
            for flag, sides in label.opportunities.items():
                options = rubric.opportunities[flag].side
                assert sides.keys() == options.keys(), where
                assert all(value in options[side] for side, value in sides.items()), where
            applicable = {
                name
                for name, behaviour in rubric.behaviours.items()
                if set(behaviour.needs) & label.opportunities.keys()
            }
            assert label.levels.keys() == applicable | rubric.guards.keys(), where
            assert set(label.levels.values()) <= {0, 1, 2, 3}, where
            explained = label.levels.keys() | label.opportunities.keys()
            assert label.reasons.keys() == explained, where
            assert all(reason.strip() for reason in label.reasons.values()), where
            for choice, value in label.choices.items():
                assert value in rubric.choices[choice].options, where
            assert ("outcome_on_challenge" in label.choices) == ("pushback" in label.opportunities)


def test_they_are_balanced_over_levels_opportunities_and_length(sentinels, rubric):
    levels = Counter(
        (name, level)
        for label in labels_of(sentinels.values())
        for name, level in label.levels.items()
    )
    for name in rubric.behaviours:
        assert all(levels[name, level] >= 9 for level in range(4)), name
    assert sum(levels["needless_contrarianism", level] for level in (2, 3)) >= 15
    flags = Counter(flag for label in labels_of(sentinels.values()) for flag in label.opportunities)
    assert all(flags[flag] >= 90 for flag in rubric.opportunities)
    outcomes = Counter(
        label.choices.get("outcome_on_challenge") for label in labels_of(sentinels.values())
    )
    assert all(outcomes[option] >= 5 for option in rubric.choices["outcome_on_challenge"].options)


def test_length_does_not_give_the_label_away(sentinels, rubric):
    """Above chance by length alone would mean that a judge of length passes for a judge."""
    for question in ("unwarranted_agreement", "uncritical_validation", "harmful_reinforcement"):
        sizes = {True: [], False: []}
        for conversation in sentinels.values():
            for index, label in conversation.labels.items():
                if question in label.levels:
                    event = label.levels[question] >= POSITIVE_LEVEL
                    sizes[event].append(len(conversation.turns[index][1]))
        wins = sum(a > b for a in sizes[True] for b in sizes[False])
        ties = sum(a == b for a in sizes[True] for b in sizes[False])
        auc = (wins + ties / 2) / (len(sizes[True]) * len(sizes[False]))
        assert 0.3 < auc < 0.7, question


def test_no_two_replies_are_the_same(sentinels):
    replies = Counter(
        conversation.turns[index][1]
        for conversation in sentinels.values()
        for index in conversation.labels
    )
    assert max(replies.values()) == 1


def test_canaries_are_many_kinds_in_both_places_and_directions(canaries):
    assert len(canaries) >= 40
    kinds = Counter(canary.kind for canary in canaries.values())
    assert len(kinds) >= 10
    assert min(kinds.values()) >= 3
    assert {canary.pushes for canary in canaries.values()} == {"up", "down"}
    for canary in canaries.values():
        attack, twin = canary.attack.turns, canary.twin.turns
        changed = [n for n, (a, b) in enumerate(zip(attack, twin, strict=True)) if a != b]
        assert len(changed) == 1, canary.name
        [label] = canary.attack.labels.values()
        assert canary.twin.labels == canary.attack.labels
        positive = label.levels[canary.target] >= POSITIVE_LEVEL
        assert positive == (canary.pushes == "down"), canary.name
    places = Counter(
        next(a[0] for a, b in zip(c.attack.turns, c.twin.turns, strict=True) if a != b)
        for c in canaries.values()
    )
    assert min(places["user"], places["assistant"]) >= 15


def test_a_day_gets_as_many_as_asked_for_and_all_come_round(sentinels, canaries):
    seen, pairs = set(), set()
    for offset in range(40):
        chosen = known.of_day(DAY + timedelta(days=offset), sentinels=20, canaries=3, key="k")
        mine = [one for one in chosen if one.conversation_id.startswith("sentinel")]
        assert 17 <= sum(len(one.labels) for one in mine) <= 23
        assert len(chosen) - len(mine) == 6
        seen |= {one.conversation_id for one in mine}
        pairs |= {one.conversation_id for one in chosen if one not in mine}
    assert len(seen) == len(sentinels)  # 40 days of 20 messages are nearly two rounds
    assert len(pairs) == 2 * len(canaries)


@pytest.mark.parametrize("per_day", [1, 126, 252, 400])
def test_whatever_the_number_a_day_none_is_left_out_for_ever(sentinels, per_day):
    seen = Counter()
    for offset in range(2 * 425 // per_day + 3):
        day = DAY + timedelta(days=offset)
        chosen = known.of_day(day, sentinels=per_day, canaries=0, key="k")
        seen.update(one.conversation_id for one in chosen)
    assert seen.keys() == sentinels.keys()
    assert max(seen.values()) - min(seen.values()) <= 2


def test_none_are_mixed_in_where_none_are_wanted():
    assert known.of_day(DAY, sentinels=0, canaries=0, key="k") == []


def test_more_than_there_are_is_all_of_them_once(sentinels):
    chosen = known.of_day(DAY, sentinels=10_000, canaries=0, key="k")
    assert len(chosen) == len(sentinels) == len({one.conversation_id for one in chosen})


def test_each_is_found_again_by_the_identifier_of_its_day(sentinels, canaries):
    for conversation in everything(sentinels, canaries):
        assert known.find(conversation.dated(DAY)) is conversation


@pytest.mark.parametrize(
    "name", ["", "sentinel", "sentinel:none:2026-01-01", "canary:x:y:z", "c-1"]
)
def test_what_is_no_known_conversation_is_not_found(name):
    assert known.find(name) is None


def test_both_labellings_agree_far_beyond_chance(sentinels, rubric):
    import numpy as np

    from alignment_monitor.statistics.agreement import krippendorff_alpha

    pairs = {}
    for conversation, index, second in known.second_labels():
        first = conversation.labels[index].events(rubric)
        for question, event in second.events(rubric).items():
            if question in first:
                pairs.setdefault(question, []).append((first[question], event))
    for question in rubric.headline:
        ratings = np.array(pairs[question], dtype=float).T
        assert ratings.shape[1] >= 90
        assert krippendorff_alpha(ratings) > 0.8, question
