"""A judge's answer: its shape, what makes it invalid, and its rows of ``verdicts``.

Here belong: everything that turns text from a judge into rows, or refuses to. There is no
silent default: an answer is taken whole or it is invalid with a reason. The shape is made from
the rubric once, as a pydantic model that both describes it to the judge and reads the answer.
"""

import json
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from alignment_monitor.judging.rubric import POSITIVE_LEVEL, Rubric

LEVELS = (0, 1, 2, 3)
UNQUOTED = frozenset({"substance"})
"""Guards that rate the whole message, so that no sentence of it is the evidence."""

QUOTE_PROBLEM = "its quote is not literally in the message"
_CLOSED = ConfigDict(extra="forbid", strict=True)


class InvalidAnswerError(ValueError):
    """The answer cannot be used; the message says why, without text of the conversation."""


def _shape(name: str, fields: dict[str, Any]) -> Any:
    required: dict[str, Any] = {field: (kind, ...) for field, kind in fields.items()}
    return create_model(name, __config__=_CLOSED, **required)


@cache
def answer_model(rubric: Rubric) -> type[BaseModel]:
    """The shape of an answer; reasons and quotes stand before the levels they explain."""
    level = Literal[LEVELS]  # type: ignore[valid-type]
    opportunities = {
        name: _shape(
            name,
            {
                "present": bool,
                **{side: Literal[options] | None for side, options in opportunity.side.items()},
            },
        )
        for name, opportunity in rubric.opportunities.items()
    }
    behaviour = _shape(
        "behaviour", {"applicable": bool, "quote": str | None, "level": level | None}
    )
    guard = _shape("guard", {"quote": str | None, "level": level})
    model: type[BaseModel] = _shape(
        "answer",
        {
            "rationale": str,
            "stance": Literal[tuple(rubric.stance.levels)],
            "opportunities": _shape("opportunities", opportunities),
            "behaviours": _shape("behaviours", dict.fromkeys(rubric.behaviours, behaviour)),
            "guards": _shape("guards", dict.fromkeys(rubric.guards, guard)),
            "choices": _shape(
                "choices",
                {name: Literal[choice.options] | None for name, choice in rubric.choices.items()},
            ),
        },
    )
    return model


@cache
def answer_schema(rubric: Rubric) -> dict[str, Any]:
    """JSON schema of an answer, closed and with every property required, as strict mode wants."""
    return answer_model(rubric).model_json_schema()


def load_answer(text: str) -> Any:
    """The JSON object of an answer, out of a code fence or from between prose if need be.

    Raises:
        json.JSONDecodeError: there is no whole JSON object in it.
    """
    try:
        answer = json.loads(text)
    except json.JSONDecodeError:
        start = max(0, text.find("{"))
        answer = json.JSONDecoder().raw_decode(text, start)[0]
    if "\\ud" in text.lower():  # half of a surrogate pair is valid JSON, but no file can hold it
        plain = json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace")
        answer = json.loads(plain)
    return answer


def parse_answer(
    text: str, rubric: Rubric, pieces: Sequence[str], normalise: Callable[[str], str]
) -> dict[str, Any]:
    """Read and check an answer.

    Args:
        text: what the judge returned.
        rubric: the questions asked.
        pieces: the judged message as far as it was shown; no quote may span two of them.
        normalise: folding under which a quote must be literally in the message.

    Raises:
        InvalidAnswerError: not JSON, not of the schema, a level without its opportunity, or a
            level that no literal quote supports.
    """
    try:
        answer = load_answer(text)
    except json.JSONDecodeError as error:
        raise InvalidAnswerError(f"not JSON at character {error.pos}") from error
    try:
        answer_model(rubric).model_validate(answer)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
        # Names of its own making could carry text: only the part that the schema knows is told.
        place = [str(step) for step in problem["loc"] if problem["type"] != "extra_forbidden"]
        where = ".".join(place) or "(top)"
        raise InvalidAnswerError(f"{where} breaks the schema ({problem['type']})") from error
    _check_applicable(answer, rubric)
    _check_quotes(answer, [normalise(piece) for piece in pieces], normalise)
    return dict(answer)


def _check_applicable(answer: dict[str, Any], rubric: Rubric) -> None:
    present = {name for name, given in answer["opportunities"].items() if given["present"]}
    for name, given in answer["behaviours"].items():
        if given["applicable"] != bool(present.intersection(rubric.behaviours[name].needs)):
            raise InvalidAnswerError(f"{name}: applicable contradicts the opportunities")
        if given["applicable"] != (given["level"] is not None):
            raise InvalidAnswerError(f"{name}: a level is given exactly where it is applicable")


def _check_quotes(
    answer: dict[str, Any], shown: Sequence[str], normalise: Callable[[str], str]
) -> None:
    for name, given in {**answer["behaviours"], **answer["guards"]}.items():
        if name in UNQUOTED or not given["level"]:
            continue
        quote = normalise(given["quote"] or "")
        if not quote or not any(quote in piece for piece in shown):
            raise InvalidAnswerError(f"{name}: {QUOTE_PROBLEM}")


def answer_rows(answer: dict[str, Any], rubric: Rubric, message_index: int) -> list[dict[str, Any]]:
    """The rows of ``verdicts`` that an answer means, without what is common to the call."""
    rows = [_row("stance", "stance", applicable=True, level=answer["stance"])]
    rows[0]["rationale"] = answer["rationale"]
    for name, given in answer["opportunities"].items():
        rows.append(_row(name, "opportunity", applicable=True, positive=given["present"]))
        for side in rubric.opportunities[name].side:
            value = given[side] if given["present"] else None
            rows.append(_row(f"{name}.{side}", "side", applicable=value is not None, value=value))
    for kind, part in (("behaviour", "behaviours"), ("guard", "guards")):
        for name, given in answer[part].items():
            rows.append(_graded(name, kind, given, message_index))
    for name, value in answer["choices"].items():
        rows.append(_row(name, "outcome", applicable=value is not None, value=value))
    return rows + _derived(rows, rubric)


def _row(question: str, kind: str, *, applicable: bool, **values: Any) -> dict[str, Any]:
    return {"question": question, "kind": kind, "applicable": applicable, "evidence": [], **values}


def _graded(name: str, kind: str, given: dict[str, Any], message_index: int) -> dict[str, Any]:
    level, quote = given["level"], given["quote"]
    row = _row(name, kind, applicable=level is not None, level=level)
    if level is not None:
        row["positive"] = level >= POSITIVE_LEVEL
    if level and quote and name not in UNQUOTED:
        row["evidence"] = [{"message_index": message_index, "quote": quote}]
    return row


def _derived(rows: list[dict[str, Any]], rubric: Rubric) -> list[dict[str, Any]]:
    by_name = {row["question"]: row for row in rows}
    derived = []
    for name, rule in rubric.derived.items():
        base = by_name[rule.of]
        given = base["applicable"] and all(
            by_name[side].get("value") == value for side, value in rule.when.items()
        )
        row = _row(name, "derived", applicable=given)
        if given:
            row["positive"] = base["level"] in rule.equals
        derived.append(row)
    return derived
