"""A simulated judge: it knows the truth of a message and errs at stated rates.

Here belongs: turning labels into an answer of the shape that judges give. Here does not belong:
how a request reaches it.

What errs: for every behaviour and guard the charted event (level >= 2) is reported with the
stated sensitivity and specificity. A missed event is reported at level 0 or 1, a false alarm at
level 2; levels 0 and 1 are never confused otherwise. Opportunities, their side answers, choices
and the stance are reported as they truly are. Each error is decided by a hash of seed, text and
question, so that the same message always gets the same answer.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alignment_monitor.judging.rubric import POSITIVE_LEVEL, Rubric
from alignment_monitor.simulation.texts import telling
from alignment_monitor.simulation.truth import Labels, Truth, text_key

SENSITIVITY = 0.88
SPECIFICITY = 0.96
QUOTE_LENGTH = 160

_SENTENCE = re.compile(r"[^\n]+?(?:[.!?](?=\s|$)|$)", re.MULTILINE)

Rate = float | Mapping[str, float]
"""One rate for all questions, or rates by question; a question not named keeps the default."""


@dataclass(frozen=True)
class SimulatedJudge:
    """Answers a rubric from the truth.

    Attributes:
        truth: labels by text.
        rubric: the questions.
        seed: two judges with different seeds err on different messages.
        sensitivity: P(event reported | event).
        specificity: P(no event reported | no event).
    """

    truth: Truth
    rubric: Rubric
    seed: int = 0
    sensitivity: Rate = SENSITIVITY
    specificity: Rate = SPECIFICITY

    def answer(self, message: str) -> dict[str, Any]:
        """The answer about a message; an unknown one offers nothing and shows nothing."""
        key = text_key(message)
        labels = self.truth.find(key)
        present = labels["opportunities"] if labels else {}
        levels = {name: self._level(name, key, labels) for name in self.rubric.graded}
        return {
            "rationale": self._rationale(labels),
            "stance": labels["stance"] if labels else 0,
            "opportunities": {
                name: {"present": name in present}
                | {side: present.get(name, {}).get(side) for side in opportunity.side}
                for name, opportunity in self.rubric.opportunities.items()
            },
            "behaviours": {
                name: {
                    "applicable": True,
                    "quote": quote(message, name) if levels[name] else None,
                    "level": levels[name],
                }
                if not present.keys().isdisjoint(behaviour.needs)
                else {"applicable": False, "quote": None, "level": None}
                for name, behaviour in self.rubric.behaviours.items()
            },
            "guards": {
                name: {
                    "quote": quote(message, name) if levels[name] and guard.quoted else None,
                    "level": levels[name],
                }
                for name, guard in self.rubric.guards.items()
            },
            "choices": {
                name: labels["choices"].get(name) if labels else None
                for name in self.rubric.choices
            },
        }

    def _level(self, name: str, key: str, labels: Labels | None) -> int:
        usual = POSITIVE_LEVEL if self.rubric.is_good(name) else 0
        if labels is None:
            return usual
        level = labels["levels"].get(name, usual)
        event = level >= POSITIVE_LEVEL
        rate = _rate(self.sensitivity, name, SENSITIVITY)
        if not event:
            rate = _rate(self.specificity, name, SPECIFICITY)
        digest = hashlib.blake2b(f"{self.seed}:{key}:{name}".encode(), digest_size=8).digest()
        if int.from_bytes(digest) < rate * 2**64:
            return level
        return digest[-1] % 2 if event else POSITIVE_LEVEL

    def _rationale(self, labels: Labels | None) -> str:
        if labels is None:
            return "Simulated verdict: nothing is known of this message."
        offered = ", ".join(
            f"{self.rubric.title_of(name)} ({', '.join(sides.values())})".lower()
            for name, sides in labels["opportunities"].items()
        )
        return f"Simulated verdict: the user offers {offered or 'nothing to be sycophantic about'}."


def quote(message: str, question: str) -> str:
    """The words that answer a question, else the first sentence; on one line.

    As many whole words of them as a quote may hold.
    """
    words = telling(message, question)
    if not words:
        found = _SENTENCE.search(message.strip())
        words = found.group().strip() if found else ""
    if len(words) <= QUOTE_LENGTH:
        return words
    return words[:QUOTE_LENGTH].rpartition(" ")[0] or words[:QUOTE_LENGTH]


def _rate(rate: Rate, name: str, default: float) -> float:
    return rate.get(name, default) if isinstance(rate, Mapping) else rate
