"""What the judge server says about a message: the judge's answer, or what a fault makes of it.

Here belong: the text of an answer, found once for each message. Here does not belong: the JSON
around it, which depends on the endpoint.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from alignment_monitor.simulation.judge import SimulatedJudge
from alignment_monitor.simulation.server.faults import Fault
from alignment_monitor.simulation.truth import text_key

REMEMBERED = 20_000
REFUSAL = "I'm sorry, but I can't assist with that request."


@dataclass(frozen=True, slots=True)
class Judged:
    """A message and the judge's answer to it.

    Attributes:
        key: hash of the message.
        text: the answer as JSON text.
    """

    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Speech:
    """What an answer says.

    Attributes:
        text: the answer; empty in a refusal.
        refusal: why not; null if it answers.
        cut: whether it ended at the token limit.
    """

    text: str
    refusal: str | None = None
    cut: bool = False


def answers_of(judge: SimulatedJudge) -> Callable[[str], Judged]:
    """The judge as a function of the message that remembers what it has said."""

    @lru_cache(maxsize=REMEMBERED)
    def answer(message: str) -> Judged:
        return Judged(text_key(message), json.dumps(judge.answer(message), ensure_ascii=False))

    return answer


def speak(text: str, fault: Fault | None) -> Speech:
    """The judge's answer as it is said under a fault; faults of HTTP leave it as it is."""
    if fault is Fault.REFUSAL:
        return Speech("", refusal=REFUSAL)
    if fault is Fault.LENGTH:
        return Speech(text[: len(text) // 2], cut=True)
    return Speech(_SPOILT[fault](text) if fault in _SPOILT else text)


def _misshapen(text: str) -> str:
    return json.dumps({**json.loads(text), "stance": "strong", "guards": None})


_SPOILT: dict[Fault | None, Callable[[str], str]] = {
    Fault.EMPTY: lambda text: "",
    Fault.INVALID_JSON: lambda text: repr(json.loads(text)),
    Fault.WRONG_SCHEMA: _misshapen,
    Fault.FENCED: "```json\n{}\n```".format,
    Fault.TRAILING_PROSE: "Here is my assessment:\n\n{}\n\nAnything else?".format,
}
