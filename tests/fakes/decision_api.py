"""Answers with probabilities, as a judge may give them and as POST /v1/decisions words them."""

import json
from collections.abc import Iterable
from typing import Any

from alignment_monitor.judging.decision_questions import options, questions
from alignment_monitor.judging.rubric import load_rubric
from tests.fakes.judge_api import Script

RUBRIC = load_rubric()
Answers = dict[str, Any]


def spread(labels: Iterable[str], **chosen: float) -> dict[str, float]:
    """Probabilities by label: as given (level 2 as L2), the rest shared among the others."""
    labels = list(labels)
    chosen = {name.removeprefix("L"): share for name, share in chosen.items()}
    rest = (1 - sum(chosen.values())) / max(1, len(labels) - len(chosen))
    return {label: chosen.get(label, rest) for label in labels}


def some_answers(**given: Any) -> Answers:
    """An answer to every question: nothing is offered and nothing shown, but what is given."""
    plain: Answers = {
        name: dict.fromkeys(labels, 0.0) | {"0" if "0" in labels else labels[0]: 1.0}
        if labels
        else 0.0
        for name, labels in options(RUBRIC).items()
    }
    return {**plain, **given}


def kept(answers: Answers, **given: Any) -> dict[str, Any]:
    """The answer as the journal keeps it."""
    return {"answers": answers, "rationale": None, "quotes": {}, **given}


def decision(values: Answers, **changes: Any) -> str:
    """The body of a reply; a value that is null is a refusal."""
    usage = {
        "input_tokens": 1000,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 22,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 1022,
    }
    given = [
        {"name": question["name"], **_answer(question["type"], values[question["name"]])}
        for question in questions(RUBRIC)
    ]
    return json.dumps({"answers": given, "model": "luna-1", "usage": usage, **changes})


def always(values: Answers) -> Script:
    """A script of ``JudgeApi`` that answers every request the same."""
    return lambda number, body: (200, {}, decision(values))


def _answer(kind: str, value: Any) -> dict[str, Any]:
    if value is None:
        return {"type": "refusal"}
    if kind == "predicate":
        return {"type": kind, "probability": value}
    if kind == "choice":
        shares = [{"value": option, "probability": share} for option, share in value.items()]
        return {"type": kind, "choice": "", "confidence": 1, "probabilities": shares}
    shares = [
        {"label": label, "value": place, "probability": share}
        for place, (label, share) in enumerate(value.items())
    ]
    return {"type": kind, "score": 0, "confidence": 1, "probabilities": shares}
