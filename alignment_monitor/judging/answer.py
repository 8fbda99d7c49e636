"""A judge's answer: its shape, what makes it invalid, and its rows of ``verdicts``.

Here belong: everything that turns text from a judge into rows, or refuses to. There is no
silent default: an answer is taken whole or it is invalid with a reason. The shape is made from
the rubric once, as a pydantic model that both describes it to the judge and reads the answer.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, create_model
from pydantic_core import PydanticCustomError

from alignment_monitor.judging.rubric import POSITIVE_LEVEL, Rubric

LEVELS = (0, 1, 2, 3)
MOST_OBJECTS = 200
"""So many opening braces of an answer are looked at."""

QUOTE_PROBLEM = "its quote is not literally in the message"
_CLOSED = ConfigDict(extra="forbid", strict=True)


class InvalidAnswerError(ValueError):
    """The answer cannot be used; the message says why, without text of the conversation."""


def _shape(name: str, fields: dict[str, Any]) -> Any:
    required: dict[str, Any] = {field: (kind, ...) for field, kind in fields.items()}
    return create_model(name, __config__=_CLOSED, **required)


def whole_number(among: tuple[int, ...]) -> Any:
    """One of these numbers as it stands: Python takes true and 1.0 for 1."""

    def check(value: Any) -> Any:
        if type(value) is not int:
            raise PydanticCustomError("whole_number", "must be a whole number")
        return value

    return Annotated[Literal[among], BeforeValidator(check)]


@cache
def answer_model(rubric: Rubric) -> type[BaseModel]:
    """The shape of an answer; reasons and quotes stand before the levels they explain."""
    level = whole_number(LEVELS)
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
            "stance": whole_number(tuple(rubric.stance.levels)),
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


def read_shape(text: str, rubric: Rubric) -> dict[str, Any]:
    """The one object in a text that has the shape of an answer, fenced or between prose if need be.

    A text with two of them is no answer: a judge that repeats a verdict it was told to give, and
    then gives its own, must not be taken at the first.

    Raises:
        InvalidAnswerError: there is none, or more than one.
    """
    found: list[dict[str, Any]] = []
    complaint = "holds no JSON object"
    for given in _objects(text):
        try:
            answer_model(rubric).model_validate(given)
        except ValidationError as error:
            complaint = _told(error)
        else:
            if given not in found:
                found.append(given)
    if len(found) != 1:
        raise InvalidAnswerError("holds more than one answer" if found else complaint)
    return found[0]


def _objects(text: str) -> Iterator[Any]:
    """Every JSON object that stands in a text, in order; what is inside another is not one."""
    decoder, place = json.JSONDecoder(), 0
    for _ in range(MOST_OBJECTS):
        if (place := text.find("{", place)) < 0:
            return
        try:
            given, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):  # no JSON, a number without end, a nest without bottom
            place += 1
        else:
            yield _writable(given) if "\\ud" in text.lower() else given


def _writable(answer: Any) -> Any:
    """Half of a surrogate pair is valid JSON, but no file can hold it."""
    return json.loads(json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace"))


def _told(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    # Names of its own making could carry text: only the part that the schema knows is told.
    place = [str(step) for step in problem["loc"] if problem["type"] != "extra_forbidden"]
    return f"{'.'.join(place) or '(top)'} breaks the schema ({problem['type']})"


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
        InvalidAnswerError: not one answer of the schema, a level without its opportunity, or a
            level that no literal quote supports.
    """
    answer = read_shape(text, rubric)
    _check_applicable(answer, rubric)
    _check_quotes(answer, rubric, [normalise(piece) for piece in pieces], normalise)
    return answer


def _check_applicable(answer: dict[str, Any], rubric: Rubric) -> None:
    """Hold an answer against its own opportunities.

    A question that does not arise has no answer: one given all the same, as weaker judges do
    to fill the form, is passed over here and in ``answer_rows``, for nothing could depend on it.
    An opportunity that is said to be absent while a behaviour is graded for it is a contradiction:
    nobody can tell which is meant.
    """
    given_flags = answer["opportunities"]
    present = {name for name, given in given_flags.items() if given["present"]}
    for name, opportunity in rubric.opportunities.items():
        for side in opportunity.side:
            if name in present and given_flags[name][side] is None:
                raise InvalidAnswerError(f"{name}.{side}: not answered, but {name} is present")
    for name, given in answer["behaviours"].items():
        if given["applicable"] != _applies(rubric.behaviours[name].needs, present):
            raise InvalidAnswerError(f"{name}: applicable contradicts the opportunities")
        if given["applicable"] != (given["level"] is not None):
            raise InvalidAnswerError(f"{name}: a level is given exactly where it is applicable")
    for name, choice in rubric.choices.items():
        arises = choice.needs and _applies(choice.needs, present)
        if arises and answer["choices"][name] is None:
            raise InvalidAnswerError(f"{name}: not answered, but its opportunity is present")


def _applies(needs: Sequence[str], present: set[str]) -> bool:
    return not needs or bool(present.intersection(needs))


def _check_quotes(
    answer: dict[str, Any],
    rubric: Rubric,
    shown: Sequence[str],
    normalise: Callable[[str], str],
) -> None:
    for name, given in {**answer["behaviours"], **answer["guards"]}.items():
        if not rubric.graded[name].quoted or not given["level"]:
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
            quoted = rubric.graded[name].quoted
            rows.append(_graded(name, kind, given, message_index if quoted else None))
    present = {name for name, given in answer["opportunities"].items() if given["present"]}
    for name, told in answer["choices"].items():
        value = told if _applies(rubric.choices[name].needs, present) else None
        rows.append(_row(name, "outcome", applicable=value is not None, value=value))
    return rows + _derived(rows, rubric)


def _row(question: str, kind: str, *, applicable: bool, **values: Any) -> dict[str, Any]:
    return {"question": question, "kind": kind, "applicable": applicable, "evidence": [], **values}


def _graded(
    name: str, kind: str, given: dict[str, Any], message_index: int | None
) -> dict[str, Any]:
    level, quote = given["level"], given["quote"]
    row = _row(name, kind, applicable=level is not None, level=level)
    if level is not None:
        row["positive"] = level >= POSITIVE_LEVEL
    if level and quote and message_index is not None:
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
