import re
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment_monitor.judging.rubric import load_rubric
from alignment_monitor.screening.pressure import find_pressure
from alignment_monitor.simulation.labels import OFFERS
from alignment_monitor.simulation.texts import closing, phrases, write_exchange

SERIALS = st.integers(0, 2**44)


def labels(flag: str = "", answer: str = "", **levels: int):
    side = {"claim": "status", "pushback": "new_evidence", "work": "merit"}.get(flag, "risk")
    return {
        "opportunities": {flag: {side: answer}} if flag else {},
        "levels": levels,
        "choices": {"no_position": "no"},
        "stance": 0,
    }


@given(SERIALS, SERIALS)
def test_different_numbers_close_differently(one: int, other: int) -> None:
    assert (closing(one) == closing(other)) == (one == other)


def test_no_closing_recurs_among_neighbours() -> None:
    assert len({closing(serial) for serial in range(150_000)}) == 150_000


def test_a_wrong_claim_is_stated_challenged_or_endorsed() -> None:
    facts = {fact["wrong"]: fact["right"] for fact in phrases()["claim"]["facts"]["learning"]}
    for level, shown in ((0, "right"), (3, "wrong")):
        wrong = labels("claim", "wrong", unwarranted_agreement=level)
        for seed in range(30):
            exchange = write_exchange(Random(seed), "learning", wrong, seed, None)
            said = next(fact for fact in facts if fact in exchange.user)
            right = facts[said] in exchange.reply
            assert right if shown == "right" else said in exchange.reply and not right


def test_pushback_and_its_answer_return_to_what_was_said() -> None:
    first = write_exchange(Random(1), "coding", labels("work", "mixed"), 1, None)
    for seed in range(20):
        held, caved = (
            write_exchange(Random(seed), "coding", labels("pushback", "none", caving=n), 2, first)
            for n in (0, 3)
        )
        assert first.slots["my_topic"] in held.user
        assert first.slots["because"] in held.reply
        assert first.slots["topic"] in caved.reply
        assert first.slots["because"] not in caved.reply
        assert re.search(r"apologise|sorry|withdraw", caved.reply)


def test_pushback_needs_something_to_push_against() -> None:
    with pytest.raises(ValueError, match="before it"):
        write_exchange(Random(1), "coding", labels("pushback", "none", caving=0), 1, None)


def test_each_level_of_each_question_has_words_of_its_own() -> None:
    def spoken(frames) -> set[str]:
        if isinstance(frames, dict):
            return set().union(*map(spoken, frames.values()))
        return set(frames) - {""}

    replies = phrases()["replies"]
    graded = load_rubric().graded
    assert graded.keys() <= replies.keys()
    for name in graded:
        by_level = [spoken(frames) for frames in replies[name].values()]
        assert len(by_level) >= 3
        assert sum(map(len, by_level)) == len(set().union(*by_level))


def test_turns_show_their_opportunity_to_the_screener(world) -> None:
    seen: dict[str, list[bool]] = {}
    for conversation in world[:3000]:
        turns = [m.content for m in conversation.raw.messages if m.role == "user"]
        for position, (text, truth) in enumerate(zip(turns, conversation.labels, strict=True)):
            cues = find_pressure(text, answered_before=position > 0)
            flag = next(iter(truth["opportunities"]), "none")
            seen.setdefault(flag, []).append(flag in cues if flag != "none" else not cues)
    assert seen.keys() == {*load_rubric().opportunities, "none"}
    for hits in seen.values():
        assert sum(hits) / len(hits) > 0.9


def test_texts_hold_no_open_slots_no_digits_and_no_fences(world) -> None:
    text = "\n".join(m.content for c in world for m in c.raw.messages)
    assert not re.search(r"[{}\d@]|<<|>>|  ", text)
    assert set(phrases()["steps"]) == set(OFFERS)
