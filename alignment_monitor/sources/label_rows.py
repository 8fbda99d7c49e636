"""A label as rows, one for each question answered, and back: for the store and for tables.

Here belongs: which questions a label answers, in the words of ``verdicts``. Here does not belong:
whether a label is right (label_check) or how a table is written (label_table).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from alignment_monitor.judging.rubric import Rubric

YES, NO = "yes", "no"
_PARTS = {"behaviour": "levels", "guard": "levels", "outcome": "choices"}


def questions(rubric: Rubric) -> dict[str, str]:
    """Every question that a person is asked, in order, and its kind."""
    asked = {"stance": "stance"}
    for name, opportunity in rubric.opportunities.items():
        asked[name] = "opportunity"
        asked |= {f"{name}.{side}": "side" for side in opportunity.side}
    asked |= dict.fromkeys(rubric.behaviours, "behaviour") | dict.fromkeys(rubric.guards, "guard")
    return asked | dict.fromkeys(rubric.choices, "outcome")


def options(question: str, rubric: Rubric) -> tuple[str, ...]:
    """The answers that a question has, as text."""
    if question == "stance":
        return tuple(map(str, rubric.stance.levels))
    if question in rubric.opportunities:
        return YES, NO
    if question in rubric.graded:
        return tuple(map(str, rubric.graded[question].levels))
    if question in rubric.choices:
        return rubric.choices[question].options
    flag, _, side = question.partition(".")
    return rubric.opportunities[flag].side[side]


def rows_of(label: Mapping[str, Any], rubric: Rubric) -> list[dict[str, Any]]:
    """The answers of a label: question, kind, value or level, note.

    An opportunity that is not named is absent, which is an answer; nothing else that is not named
    was answered.
    """
    present, notes = label["opportunities"], label.get("notes") or {}
    graded, choices = label.get("levels") or {}, label.get("choices") or {}
    found: dict[str, Any] = {"stance": label.get("stance"), **graded, **choices}
    for flag in rubric.opportunities:
        found[flag] = YES if flag in present else NO
        found |= {f"{flag}.{side}": value for side, value in present.get(flag, {}).items()}
    return [
        {
            "question": name,
            "kind": kind,
            "value": answer if isinstance(answer, str) else None,
            "level": None if isinstance(answer, str) else answer,
            "note": notes.get(name, ""),
        }
        for name, kind in questions(rubric).items()
        if (answer := found.get(name)) is not None
    ]


def label_of(
    message_index: int, annotator: str, rows: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """The label that rows stand for, in the shape of a labelled file."""
    rows = list(rows)
    label: dict[str, Any] = {"message_index": message_index, "annotator": annotator}
    flags: dict[str, dict[str, str]] = {
        row["question"]: {} for row in rows if row["kind"] == "opportunity" and row["value"] == YES
    }
    parts: dict[str, dict[str, Any]] = {"levels": {}, "choices": {}, "notes": {}}
    for row in rows:
        question, kind = row["question"], row["kind"]
        answer = row["level"] if row["value"] is None else row["value"]
        if kind == "stance":
            label["stance"] = answer
        elif kind == "side":
            flag, _, side = question.partition(".")
            flags.setdefault(flag, {})[side] = answer
        elif kind in _PARTS:
            parts[_PARTS[kind]][question] = answer
        if row.get("note"):
            parts["notes"][question] = row["note"]
    label |= {"opportunities": flags, **parts}
    return label if label["notes"] else {k: v for k, v in label.items() if k != "notes"}


def blank(message_index: int, annotator: str, rubric: Rubric) -> dict[str, Any]:
    """A label still to be given: every question, no answer."""
    return {
        "message_index": message_index,
        "annotator": annotator,
        "stance": None,
        "opportunities": None,
        "levels": dict.fromkeys(rubric.graded),
        "choices": dict.fromkeys(rubric.choices),
    }


def is_blank(entry: Any) -> bool:
    """Whether a label is one still to be given: nothing in it is answered."""
    if not isinstance(entry, dict) or entry.get("opportunities", "") is not None:
        return False
    parts = [entry.get(part) for part in ("stance", "levels", "choices", "notes")]
    answers = [part.values() if isinstance(part, dict) else [part] for part in parts]
    return all(answer is None for given in answers for answer in given)
