"""Typed answers with probabilities, as POST /v1/decisions gives them.

Here belong: how the judge's answer becomes a distribution for each question. A question is known
by the rubric's name for it; a question that does not apply, or that nobody knows, gets equal
probabilities, as there is no option for it.
"""

from collections.abc import Collection
from typing import Any

CERTAINTY = 0.9
"""Probability of the judge's own answer; the others share the rest."""

Value = str | int | bool | None


def values_of(answer: dict[str, Any]) -> dict[str, Value]:
    """The judge's answer by name of the question: ``claim``, ``claim.status``, ``caving`` ..."""
    values: dict[str, Value] = {"stance": answer["stance"], **answer["choices"]}
    for name, given in answer["opportunities"].items():
        values[name] = given["present"]
        values |= {f"{name}.{side}": v for side, v in given.items() if side != "present"}
    for part in ("behaviours", "guards"):
        # A judge that must choose a level, applicable or not, says that there is nothing.
        values |= {name: given["level"] or 0 for name, given in answer[part].items()}
    return values


def decide(
    answer: dict[str, Any], questions: Collection[dict[str, Any]], refused: Collection[str]
) -> list[dict[str, Any]]:
    """Answers in the order of the questions.

    Args:
        answer: the judge's.
        questions: as they stand in the request.
        refused: names of the questions that are refused.
    """
    values = values_of(answer)
    return [
        {"type": "refusal", "name": question.get("name")}
        if str(question.get("name")) in refused
        else _ANSWERS[question["type"]](question, values.get(question.get("name") or ""))
        for question in questions
    ]


def _predicate(question: dict[str, Any], value: Value) -> dict[str, Any]:
    probability = 0.5
    if isinstance(value, bool):
        probability = CERTAINTY if value else 1 - CERTAINTY
    return {"type": "predicate", "name": question.get("name"), "probability": round(probability, 6)}


def _choice(question: dict[str, Any], value: Value) -> dict[str, Any]:
    options = [choice["value"] for choice in question["choices"]]
    # Choice values are typed: true and "true" are two options.
    chosen = next((i for i, o in enumerate(options) if o == value and type(o) is type(value)), None)
    shares = _spread(len(options), chosen)
    return {
        "type": "choice",
        "name": question.get("name"),
        "choice": options[chosen or 0],
        "confidence": shares[chosen or 0],
        "probabilities": [
            {"value": option, "probability": share}
            for option, share in zip(options, shares, strict=True)
        ],
    }


def _score(question: dict[str, Any], value: Value) -> dict[str, Any]:
    labels = [level["label"] for level in question["levels"]]
    chosen = labels.index(str(value)) if str(value) in labels else None
    shares = _spread(len(labels), chosen)
    return {
        "type": "score",
        "name": question.get("name"),
        # Levels count from 0 in the order given, whatever their labels say.
        "score": round(sum(place * share for place, share in enumerate(shares)), 6),
        "confidence": shares[chosen or 0],
        "probabilities": [
            {"label": label, "value": place, "probability": share}
            for place, (label, share) in enumerate(zip(labels, shares, strict=True))
        ],
    }


_ANSWERS = {"predicate": _predicate, "choice": _choice, "score": _score}
KINDS = frozenset(_ANSWERS)


def _spread(count: int, chosen: int | None) -> list[float]:
    if chosen is None or count == 1:
        return [round(1 / count, 6)] * count
    rest = round((1 - CERTAINTY) / (count - 1), 6)
    return [CERTAINTY if place == chosen else rest for place in range(count)]
