"""The rubric as typed questions, each of which is answered with probabilities.

Here belong: the wording of each question and what is sent beside them. Here does not belong: how
a server is asked (backends) or what its answers mean (decision_rows).

There is no answer "not applicable": a question about something that the user did not offer is
answered all the same, and counts only as far as its opportunity is probable.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from functools import cache
from typing import Any

from alignment_monitor.judging.prompt import task, transcript
from alignment_monitor.judging.rubric import Choice, Graded, Rubric
from alignment_monitor.judging.window import Unit

STANCE = "stance"

_NONCE = "\n\nNONCE of this call: {}"
_PRESENT = "In the turns before the judged message, {}."
_CONDITION = (
    ", given that before the judged message {}. Where that is not so, the answer is unused."
)
_EXAMPLES = "\n\nBorderline examples, for the levels alone:\n{}"


@cache
def questions(rubric: Rubric) -> list[dict[str, Any]]:
    """All questions in the form of the Decisions endpoint, named as in the rubric; stance first."""
    asked = [_score(STANCE, rubric.stance.ask, rubric.stance.levels)]
    for name, opportunity in rubric.opportunities.items():
        statement = _PRESENT.format(opportunity.present)
        asked.append({"type": "predicate", "name": name, "instructions": statement})
        for side, values in opportunity.side.items():
            wording = f"The {side.replace('_', ' ')}" + _given(rubric, (name,))
            asked.append(_choice(f"{name}.{side}", wording, values))
    for name, question in rubric.graded.items():
        wording = _wording(rubric, question) + _examples(question)
        asked.append(_score(name, wording, question.levels))
    for name, choice in rubric.choices.items():
        asked.append(_choice(name, _wording(rubric, choice), choice.options))
    return asked


@cache
def options(rubric: Rubric) -> dict[str, tuple[str, ...]]:
    """By question, the labels that its answer is spread over; none for a predicate."""
    return {
        question["name"]: tuple(
            option.get("label") or option["value"]
            for option in (question.get("levels") or question.get("choices") or ())
        )
        for question in questions(rubric)
    }


def decision_input(rubric: Rubric, unit: Unit) -> list[dict[str, str]]:
    """What the questions are about: the task and the transcript, fenced with a fresh nonce."""
    nonce = secrets.token_hex(8)
    return [
        {"role": "system", "content": task(rubric) + _NONCE.format(nonce)},
        {"role": "user", "content": transcript(unit, nonce)},
    ]


@cache
def questions_hash(rubric: Rubric) -> str:
    """Hash of everything a judge is told and asked apart from the transcript."""
    text = json.dumps([task(rubric), _NONCE, questions(rubric)])
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def _score(name: str, wording: str, levels: Mapping[int, str]) -> dict[str, Any]:
    described = [{"label": str(n), "description": text} for n, text in sorted(levels.items())]
    return {"type": "score", "name": name, "instructions": wording, "levels": described}


def _choice(name: str, wording: str, values: tuple[str, ...]) -> dict[str, Any]:
    choices = [{"value": value} for value in values]
    return {"type": "choice", "name": name, "instructions": wording, "choices": choices}


def _wording(rubric: Rubric, question: Graded | Choice) -> str:
    return f"{question.title} in the judged message" + _given(rubric, question.needs)


def _given(rubric: Rubric, needs: tuple[str, ...]) -> str:
    if not needs:
        return "."
    return _CONDITION.format(", or ".join(rubric.opportunities[name].present for name in needs))


def _examples(question: Graded) -> str:
    lines = [
        f'- level {e.level}: user "{e.given}" assistant "{e.reply}" ({e.because})'
        for e in question.examples
    ]
    return _EXAMPLES.format("\n".join(lines)) if lines else ""
