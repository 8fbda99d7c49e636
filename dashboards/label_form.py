"""The form of a label: the rubric as questions with their keys, and the component that asks them.

Here belongs: what the browser is given. Here does not belong: what becomes of an answer (labelling)
or how the form behaves, which is in label_form.js.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.operations.labelling.desk import Item
from alignment_monitor.sources.label_rows import questions, rows_of

KEY = "label-form"
SCRIPTS = ("label_form.js", "label_paint.js")
RESERVED = "crsgnx"
"""Letters that mean something else: c and r to Streamlit, the others to the form."""

WORDS = {
    "flags": "What the user brings",
    "none": "none of these",
    "unsure": "cannot tell",
    "open": "{n} still open. Answer, or press X where you cannot tell; Shift+Enter saves as it is.",
    "ready": "Judge the last message shown, with all before it as context.",
    "sending": "Saving …",
    "note": "Note: why",
    "note_first": "Answer first, then note why.",
    "examples": "Examples",
    "save": "Save and go on",
    "skip": "Skip",
    "back": "Back",
    "keys": [
        ["0–9", "answer"], ["A–Z", "what the user brings"], ["↑ ↓", "move"], ["X", "cannot tell"],
        ["N", "note"], ["G", "examples"], ["⇧ Enter", "save as it is"],
    ],
}  # fmt: skip


def form(*, version: str, annotator: str, mode: str, item: str, asked: list[dict[str, Any]],
         answers: Mapping[str, Any], notes: Mapping[str, str], flagged: bool, again: bool,
         session: str, reply: Mapping[str, Any], differing: tuple[str, ...] = (),
         on_act: Callable[[], None]) -> None:  # fmt: skip
    """Draw the form of one message, or of none where ``item`` is empty.

    Args:
        version: of the rubric, sent back with what is answered.
        annotator: who answers.
        mode: label, or final for one that settles what annotators said.
        item: key of the message.
        asked: of ``questions_of``.
        answers: to begin with, by question.
        notes: likewise.
        flagged: whether all opportunities are answered to begin with.
        again: whether a label that was given is opened again.
        session: changes with the server's memory, so that the browser sends again what it lost.
        reply: token of the last act, whether it was done, and what to say of it.
        differing: questions on which annotators differ.
        on_act: called with each act; it is then at ``sent``.
    """
    words = {**WORDS, "ready": "", "save": "Settle it"} if mode == "final" else WORDS
    _component()(
        key=KEY,
        data={
            "version": version, "annotator": annotator, "mode": mode, "item": item,
            "questions": asked, "answers": dict(answers), "notes": dict(notes),
            "flagged": flagged, "again": again, "session": session, "reply": dict(reply),
            "differing": list(differing), "words": words,
            "draft": f"{version}|{mode}|{annotator}|{item}",
        },
        on_act_change=on_act,
    )  # fmt: skip


def sent() -> Any:
    """The act that the form has just sent."""
    return st.session_state[KEY]["act"]


def said_before(item: Item, rubric: Rubric) -> tuple[dict[str, Any], dict[str, str]]:
    """Answers and notes of a label that is opened again, by question; empty for a new one."""
    rows = rows_of(item.label, rubric) if item.label else []
    answers = {row["question"]: row["level"] if row["value"] is None else row["value"]
               for row in rows}  # fmt: skip
    return answers, {row["question"]: row["note"] for row in rows if row["note"]}


def questions_of(rubric: Rubric) -> list[dict[str, Any]]:
    """Every question of a rubric as the form asks it, in the rubric's words, with its keys.

    Levels are answered by their own digits, the stance and choices by their place from 1 on, and
    opportunities by a letter of their title.
    """
    letters = _letters(rubric)
    return [_question(name, kind, rubric, letters) for name, kind in questions(rubric).items()]


def _question(name: str, kind: str, rubric: Rubric, letters: Mapping[str, str]) -> dict[str, Any]:
    common = {"name": name, "kind": kind, "needs": []}
    if kind == "stance":
        levels = rubric.stance.levels.items()
        return common | {
            "title": "Stance",
            "ask": rubric.stance.ask.strip(),
            "options": [
                _option(level, wording, str(place), f"{level:+d}" if level else "0")
                for place, (level, wording) in enumerate(levels, 1)
            ],
        }
    if kind == "opportunity":
        flag = rubric.opportunities[name]
        return common | {"title": flag.title, "label": flag.present.strip(), "key": letters[name]}
    if kind == "side":
        flag_name, _, side = name.partition(".")
        options = rubric.opportunities[flag_name].side[side]
        title = f"{rubric.opportunities[flag_name].title}: {side.replace('_', ' ')}"
        return common | {"title": title, "flag": flag_name, "options": list(_places(options))}
    if name in rubric.choices:
        choice = rubric.choices[name]
        return common | {
            "title": choice.title,
            "needs": list(choice.needs),
            "options": list(_places(choice.options)),
        }
    graded = rubric.graded[name]
    return common | {
        "title": graded.title,
        "needs": list(graded.needs),
        "options": [
            _option(level, wording, str(level), str(level))
            for level, wording in graded.levels.items()
        ],
        "examples": [example.model_dump() for example in graded.examples],
    }


def _places(options: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    for place, option in enumerate(options, 1):
        words = option.replace("_", " ")
        yield _option(option, words, str(place), words)


def _option(value: Any, label: str, key: str, short: str) -> dict[str, Any]:
    return {"value": value, "label": label, "key": key, "short": short}


def _letters(rubric: Rubric) -> dict[str, str]:
    """A letter for each opportunity: the first of its title that is free, else any that is."""
    found: dict[str, str] = {}
    for name, opportunity in rubric.opportunities.items():
        wanted = [letter for letter in opportunity.title.lower() if "a" <= letter <= "z"]
        free = [
            letter
            for letter in [*wanted, *"abcdefghijklmnopqrstuvwxyz"]
            if letter not in RESERVED and letter not in found.values()
        ]
        found[name] = free[0]
    return found


@cache
def _component() -> Any:
    here = Path(__file__)
    return st.components.v2.component(
        "alignment_monitor_label_form",
        html='<div class="form" role="form" aria-label="Label"></div>',
        css=here.with_suffix(".css").read_text(encoding="utf-8"),
        js="\n".join(here.with_name(name).read_text(encoding="utf-8") for name in SCRIPTS),
    )
