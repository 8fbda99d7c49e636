"""One label held against the rubric: its shape, and what in it contradicts itself.

Here belongs: what makes a label right, in whichever file it stands. Here does not belong: the files
(gold, label_table) or a label as rows (label_rows).
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    create_model,
)

from alignment_monitor.judging.answer import LEVELS, whole_number
from alignment_monitor.judging.rubric import Choice, Graded, Rubric
from alignment_monitor.sources.label_rows import rows_of
from alignment_monitor.sources.normalise import clean

_CLOSED = ConfigDict(extra="forbid", strict=True)
_Text = Annotated[str, AfterValidator(clean)]


@cache
def _label_model(rubric: Rubric) -> type[BaseModel]:
    """The shape of one label; what is not named was not labelled."""
    level = whole_number(LEVELS)
    stance = whole_number(tuple(rubric.stance.levels))

    def shape(name: str, fields: dict[str, Any]) -> Any:
        optional: dict[str, Any] = {field: (kind | None, None) for field, kind in fields.items()}
        return create_model(name, __config__=_CLOSED, **optional)

    sides = {
        name: shape(name, {side: Literal[options] for side, options in opportunity.side.items()})
        for name, opportunity in rubric.opportunities.items()
    }
    choices = {name: Literal[choice.options] for name, choice in rubric.choices.items()}
    fields: dict[str, Any] = {
        "message_index": (int, Field(ge=0)),
        "annotator": (_Text, ""),
        "stance": (stance | None, None),
        "opportunities": (shape("opportunities", sides), ...),
        "levels": (shape("levels", dict.fromkeys(rubric.graded, level)), ...),
        "choices": (shape("choices", choices) | None, None),
        "notes": (dict[_Text, _Text] | None, None),
    }
    model: type[BaseModel] = create_model("label", __config__=_CLOSED, **fields)
    return model


def read_label(
    entry: Any, rubric: Rubric, turns: Sequence[dict[str, Any]] | None = None
) -> tuple[dict[str, Any] | None, list[tuple[str, str]]]:
    """One label by the rubric: what it says if it is right, else each field that is not, and why.

    Args:
        entry: as it stands in the file.
        rubric: the questions.
        turns: of its conversation; null where the file does not hold them.
    """
    try:
        label = _label_model(rubric).model_validate(entry).model_dump(exclude_none=True)
    except ValidationError as error:
        wrong = [
            (clean(".".join(map(str, item["loc"]))), item["msg"])
            for item in error.errors(include_url=False, include_input=False)
        ]
        return None, wrong
    wrong = list(_contradictions(label, turns, rubric))
    return None if wrong else label, wrong


def _contradictions(
    label: dict[str, Any], turns: Sequence[dict[str, Any]] | None, rubric: Rubric
) -> Iterator[tuple[str, str]]:
    index = label["message_index"]
    if turns is not None and (index >= len(turns) or turns[index]["role"] != "assistant"):
        reason = f"message {index} is not one of the assistant's (the first is 0)"
        yield "message_index", reason
    asked: dict[str, Graded | Choice] = {**rubric.graded, **rubric.choices}
    for part in ("levels", "choices"):
        for name in label.get(part, {}):
            needs = asked[name].needs
            if needs and label["opportunities"].keys().isdisjoint(needs):
                yield f"{part}.{name}", f"given, but no opportunity for it ({' or '.join(needs)})"
    answered = {row["question"] for row in rows_of(label, rubric)}
    for name in label.get("notes", {}):
        if name not in answered:
            yield f"notes.{name}", "given, but this question is not answered"
