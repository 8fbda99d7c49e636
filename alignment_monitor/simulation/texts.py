"""Sentences for simulated conversations, which show what the labels say.

Here belong: choosing frames and filling their slots; the words themselves are data, in
``phrases.yaml``. What is true, and how often, is the world's business.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import prod
from random import Random
from string import Formatter
from typing import Any

import yaml

from alignment_monitor.simulation.truth import Labels

_SLOT = "[^.!?\\n]+?"
_SCRAMBLE = 611_953
"""A prime, so that multiplying by it permutes the closings: neighbours do not look alike."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A user's turn and the reply to it.

    Attributes:
        user: text of the user's turn.
        reply: text of the assistant message.
        slots: what was talked about; a pushback in the next exchange refers to it.
    """

    user: str
    reply: str
    slots: dict[str, str]


@cache
def phrases() -> dict[str, Any]:
    """The packaged phrases."""
    path = files("alignment_monitor.simulation") / "phrases.yaml"
    data: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return data


def write_exchange(
    rng: Random, surface: str, labels: Labels, serial: int, previous: Exchange | None
) -> Exchange:
    """Put labels into words.

    Args:
        rng: chooses among frames that say the same.
        surface: where the conversation takes place: it gives the subjects.
        labels: what the turn offers and the reply does.
        serial: number of the message in its run; no two numbers give the same reply.
        previous: the exchange before, in the same conversation.
    """
    kind, sides = next(iter(labels["opportunities"].items()), ("plain", {}))
    case = next(iter(sides.values()), kind)
    if kind == "pushback":
        if previous is None:
            raise ValueError("a pushback needs an exchange before it")
        slots = previous.slots | _evidence(rng, previous.slots["about"])
        asks = phrases()["pushback"][case]
    else:
        slots = _SUBJECTS[kind](rng, surface, case)
        slots["about"] = "people" if kind in ("conflict", "vulnerable") else "things"
        slots["occasion"] = rng.choice(phrases()["occasions"])
        asks = phrases()[kind]["ask"]
    user = _sentence(rng.choice(asks), slots)
    if previous is not None and kind != "pushback":
        user = f"{rng.choice(phrases()['again'])} {user}"
    slots["step"], slots["next_step"] = rng.sample(phrases()["steps"][surface], 2)
    reply = [_sentence(_frame(rng, *said, (kind, case)), slots) for said in _spoken(labels)]
    return Exchange(user, " ".join([*filter(None, reply), closing(serial)]), slots)


def closing(serial: int) -> str:
    """Closing words for a message number: different numbers, different words."""
    parts = phrases()["closing"]
    combinations = prod(map(len, parts))
    sentences = []
    while True:
        serial, code = divmod(serial, combinations)
        code = code * _SCRAMBLE % combinations
        words = []
        for options in parts:
            code, choice = divmod(code, len(options))
            words.append(options[choice])
        sentences.append(f"{words[0]}, {' '.join(words[1:])}.")
        if not serial:
            return " ".join(sentences)


def telling(reply: str, question: str) -> str:
    """The words of a reply that answer a question; empty where no frame of ours does."""
    found = _telling(question).search(reply)
    return found.group() if found else ""


@cache
def _telling(question: str) -> re.Pattern[str]:
    """Any frame of a question's answers, whatever fills its slots."""
    frames: list[str] = []
    for answer in phrases()["replies"].get(question, {}).values():
        for several in answer.values() if isinstance(answer, dict) else [answer]:
            frames += filter(None, several)
    literal = (
        "".join(
            re.escape(text) + ("" if name is None else _SLOT)
            for text, name, *_ in Formatter().parse(frame)
        )
        for frame in frames
    )
    return re.compile("|".join(literal) or r"(?!)", re.IGNORECASE)  # a first letter is made large


def _spoken(labels: Labels) -> Iterator[tuple[str, int | str]]:
    """What a reply puts into words, in order: each question with its answer."""
    if not labels["opportunities"]:  # elsewhere a behaviour says whether a side is taken
        yield "no_position", labels["choices"]["no_position"]
    yield from labels["levels"].items()


def _frame(rng: Random, name: str, answer: int | str, cases: tuple[str, str]) -> str:
    frames = phrases()["replies"][name].get(answer)
    if isinstance(frames, dict):
        frames = next(frames[case] for case in cases if case in frames)
    return rng.choice(frames) if frames else ""


def _sentence(frame: str, slots: dict[str, str]) -> str:
    text = frame.format_map(slots)
    return text[:1].upper() + text[1:]


def _evidence(rng: Random, about: str) -> dict[str, str]:
    pushback = phrases()["pushback"]
    evidence = pushback["evidence"][about]
    return {
        "mood": rng.choice(pushback["moods"]),
        "source": rng.choice(evidence["sources"]),
        "detail": rng.choice(evidence["details"]),
    }


def _claim(rng: Random, surface: str, status: str) -> dict[str, str]:
    claim = phrases()["claim"]
    if status in ("wrong", "correct"):
        fact = rng.choice(claim["facts"][surface])
        said = fact["wrong" if status == "wrong" else "right"]
        slots = {**fact, "said": said, "sound": fact["right"]}
    elif status == "contestable":
        slots = dict(rng.choice(claim["opinions"][surface]))
    else:
        slots = {**claim["unverifiable"], **rng.choice(claim["hunches"][surface])}
    return {**slots, "my_topic": slots["topic"]}


def _work(rng: Random, surface: str, merit: str) -> dict[str, str]:
    thing = rng.choice(phrases()["work"]["things"][surface])
    slots = rng.choice(phrases()["work"]["merit"][merit])
    return {**slots, "thing": thing, "topic": f"your {thing}", "my_topic": f"my {thing}"}


def _conflict(rng: Random, surface: str, fault: str) -> dict[str, str]:
    conflict = phrases()["conflict"]
    who = rng.choice(conflict["who"][surface])
    premise = rng.choice(conflict["premises"])
    return {
        **premise,
        **rng.choice(conflict["incidents"][fault]),
        "because": premise["sound"],
        "who": who,
        "quarrel": rng.choice(conflict["quarrels"]),
        "topic": f"the row with your {who}",
        "my_topic": f"the row with my {who}",
    }


def _vulnerable(rng: Random, _surface: str, risk: str) -> dict[str, str]:
    item = rng.choice(phrases()["vulnerable"]["risk"][risk])
    return {**item, "because": item["ground"], "my_topic": item["topic"]}


def _plain(rng: Random, surface: str, _case: str) -> dict[str, str]:
    topic = rng.choice(phrases()["plain"]["topics"][surface])
    because = "the simple way is the one that people keep up"
    return {"topic": topic, "my_topic": topic, "because": because}


_SUBJECTS = {
    "claim": _claim,
    "work": _work,
    "conflict": _conflict,
    "vulnerable": _vulnerable,
    "plain": _plain,
}
