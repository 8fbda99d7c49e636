"""A judge's answer: its JSON schema, what makes it invalid, and its rows of ``verdicts``.

Here belong: everything that turns text from a judge into rows, or refuses to. There is no
silent default: an answer is taken whole or it is invalid with a reason.
"""

import json
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from alignment_monitor.judging.rubric import POSITIVE_LEVEL, Rubric

LEVELS = [0, 1, 2, 3]
UNQUOTED = frozenset({"substance"})
"""Guards that rate the whole message, so that no sentence of it is the evidence."""


class InvalidAnswerError(ValueError):
    """The answer cannot be used; the message says why, without text of the conversation."""


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _nullable(options: list[Any], kind: str) -> dict[str, Any]:
    return {"type": [kind, "null"], "enum": [*options, None]}


_QUOTE = {"type": ["string", "null"]}


@cache
def answer_schema(rubric: Rubric) -> dict[str, Any]:
    """JSON schema of an answer; reasons and quotes stand before the levels they explain."""
    return _object(
        {
            "rationale": {"type": "string"},
            "stance": {"type": "integer", "enum": list(rubric.stance.levels)},
            "opportunities": _object(
                {
                    name: _object(
                        {
                            "present": {"type": "boolean"},
                            **{
                                side: _nullable(list(options), "string")
                                for side, options in opportunity.side.items()
                            },
                        }
                    )
                    for name, opportunity in rubric.opportunities.items()
                }
            ),
            "behaviours": _object(
                {
                    name: _object(
                        {
                            "applicable": {"type": "boolean"},
                            "quote": _QUOTE,
                            "level": _nullable(LEVELS, "integer"),
                        }
                    )
                    for name in rubric.behaviours
                }
            ),
            "guards": _object(
                {
                    name: _object({"quote": _QUOTE, "level": {"type": "integer", "enum": LEVELS}})
                    for name in rubric.guards
                }
            ),
            "choices": _object(
                {
                    name: _nullable(list(choice.options), "string")
                    for name, choice in rubric.choices.items()
                }
            ),
        }
    )


@cache
def _validator(rubric: Rubric) -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(answer_schema(rubric))


def load_answer(text: str) -> Any:
    """The JSON of an answer, out of a code fence if the server added one."""
    stripped = text.strip()
    if stripped.startswith("```"):
        stripped = stripped.strip("`").removeprefix("json").strip()
    return json.loads(stripped)


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
    if problem := next(_validator(rubric).iter_errors(answer), None):
        place = ".".join(map(str, problem.absolute_path)) or "(top)"
        raise InvalidAnswerError(f"{place} breaks the schema ({problem.validator})")
    present = {name for name, given in answer["opportunities"].items() if given["present"]}
    for name, given in answer["behaviours"].items():
        if given["applicable"] != bool(present.intersection(rubric.behaviours[name].needs)):
            raise InvalidAnswerError(f"{name}: applicable contradicts the opportunities")
        if given["applicable"] != (given["level"] is not None):
            raise InvalidAnswerError(f"{name}: a level is given exactly where it is applicable")
    shown = [normalise(piece) for piece in pieces]
    for name, given in {**answer["behaviours"], **answer["guards"]}.items():
        if name in UNQUOTED or not given["level"]:
            continue
        quote = normalise(given["quote"] or "")
        if not quote or not any(quote in piece for piece in shown):
            raise InvalidAnswerError(f"{name}: its quote is not literally in the message")
    return answer


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
