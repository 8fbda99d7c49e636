"""Labels as a table for spreadsheets: CSV with one row for each message and question.

Here belong: its columns, and what makes a row wrong. Here does not belong: the other form, one
conversation a line (gold), or which messages are written and where labels are kept (labelling).
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from alignment_monitor.judging.rubric import Choice, Graded, Rubric
from alignment_monitor.sources.files import SourceFileError
from alignment_monitor.sources.gold import read_label
from alignment_monitor.sources.label_rows import YES, label_of, options, questions, rows_of

COLUMNS = ("id", "message_index", "annotator", "question", "answer", "options", "note", "text")
REQUIRED = ("id", "message_index", "question", "answer")
LONGEST_CELL = 64 * 2**20

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_BY_NUMBER = ("stance", "behaviour", "guard")

Row = tuple[int, dict[str, str]]
"""The line on which a row begins, and its cells by column."""


class FileLabel(NamedTuple):
    """A label of a file that is right: where it stands, the conversation's name, what it says."""

    place: str
    name: str
    label: dict[str, Any]


@dataclass(frozen=True)
class LabelFile:
    """What a file of labels holds.

    Attributes:
        labels: those that are right.
        problems: what is wrong, each with its line.
        blank: messages in it that are still to be labelled.
    """

    labels: tuple[FileLabel, ...]
    problems: tuple[str, ...]
    blank: int


def write_table(conversations: Iterable[Mapping[str, Any]], rubric: Rubric) -> str:
    """Conversations with their labels as CSV; the text stands beside the first row of a message.

    Args:
        conversations: id, messages and labels, as lines of a labelled file; a blank label gives
            rows to be filled.
        rubric: the questions.
    """
    text = io.StringIO()
    # With this end of a line, which is the usual one, a lone \r in a text is quoted too.
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for conversation in conversations:
        for label in conversation["labels"]:
            given = {}
            if label["opportunities"] is not None:
                given = {row["question"]: row for row in rows_of(label, rubric)}
            shown = _text(conversation["messages"][: label["message_index"] + 1])
            for question in questions(rubric):
                row = given.get(question, {"value": "", "level": None, "note": ""})
                answer = row["value"] if row["level"] is None else row["level"]
                place = (conversation["id"], label["message_index"], _safe(label["annotator"]))
                hint = _hint(question, rubric)
                writer.writerow((*place, question, answer, hint, _safe(row["note"]), shown))
                shown = ""
    return text.getvalue()


def read_table(path: Path, rubric: Rubric) -> LabelFile:
    """Read a table of labels.

    A message of which one row is wrong is refused whole: half of a label would be taken for all
    of it. Every opportunity of a labelled message needs its yes or no.

    Raises:
        SourceFileError: the file cannot be read, or lacks a column.
    """
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for number, row in _rows(path):
        who = row["id"], row["message_index"], _plain(row.get("annotator", ""))
        groups.setdefault(who, []).append((number, row))
    labels, problems, blank = [], [], 0
    for (name, index, annotator), rows in groups.items():
        if not any(row["answer"] or row.get("note") for _, row in rows):
            blank += 1
            continue
        label, wrong = _label(index, annotator, rows, rubric)
        if label is not None:
            labels.append(FileLabel(f"{path.name}:{rows[0][0]}", name, label))
        problems += [f"{path.name}:{number}: {problem}" for number, problem in wrong]
    return LabelFile(tuple(labels), tuple(problems), blank)


def _rows(path: Path) -> list[Row]:
    """The rows with the lines they begin on, cells stripped; a missing cell is empty."""
    try:
        # What a spreadsheet did to a note must not cost the labels: ids and answers are ASCII.
        text = path.read_bytes().decode("utf-8-sig", errors="replace")
    except OSError as error:
        raise SourceFileError(f"{path}: cannot be read: {error.strerror or error}") from error
    csv.field_size_limit(LONGEST_CELL)
    first = text.partition("\n")[0]
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=";" if first.count(";") > first.count(",") else ","
    )
    found = []
    try:
        header = [name.strip() for name in next(reader, [])]
        if missing := [name for name in REQUIRED if name not in header]:
            raise SourceFileError(f"{path.name}: lacks the columns {', '.join(missing)}")
        start = reader.line_num + 1
        for cells in reader:
            if any(cells):
                row = dict(zip(header, map(str.strip, cells), strict=False))
                found.append((start, dict.fromkeys(header, "") | row))
            start = reader.line_num + 1
    except csv.Error as error:
        raise SourceFileError(f"{path.name}:{reader.line_num}: {error}") from error
    return found


def _label(
    index: str, annotator: str, rows: Sequence[Row], rubric: Rubric
) -> tuple[dict[str, Any] | None, list[tuple[int, str]]]:
    """The label that the rows of a message mean, or what is wrong with each of them by line."""
    lines = {row["question"]: number for number, row in reversed(rows)}
    first = rows[0][0]
    given, wrong = _answers(rows, rubric)
    if not index.isdecimal():
        wrong.append((first, f"message_index: {index[:20]!r} is no place of a message"))
    told = {number for number, _ in wrong}
    present = {str(answer["question"]): answer["value"] for answer in given}
    for name, kind in questions(rubric).items():
        flag = name.partition(".")[0]
        if kind == "opportunity" and name not in present:
            if lines.get(name) not in told:
                wrong.append((lines.get(name, first), f"{name}: needs its yes or no"))
        elif kind == "side" and name in present and present.get(flag) != YES:
            wrong.append((lines[name], f"{name}: given, but {flag} is not present"))
    if wrong:
        return None, sorted(wrong)
    label, problems = read_label(label_of(int(index), annotator, given), rubric)
    for field, reason in problems:
        name = field.partition(".")[2] or field
        wrong.append((lines.get(name, first), f"{name}: {reason}"))
    return label, wrong


def _answers(
    rows: Sequence[Row], rubric: Rubric
) -> tuple[list[dict[str, Any]], list[tuple[int, str]]]:
    """The answers of rows that are right, and what is wrong with the others by line."""
    asked, seen = questions(rubric), set[str]()
    given: list[dict[str, Any]] = []
    wrong: list[tuple[int, str]] = []
    for number, row in rows:
        question, answer = row["question"], row["answer"].lower()
        if problem := _problem(question, row, asked, seen, rubric):
            wrong.append((number, problem))
        elif answer:
            is_level = asked[question] in _BY_NUMBER
            given.append(
                {
                    "question": question,
                    "kind": asked[question],
                    "value": None if is_level else answer,
                    "level": int(answer) if is_level else None,
                    "note": _plain(row.get("note", "")),
                }
            )
        seen.add(question)
    return given, wrong


def _problem(
    question: str, row: Mapping[str, str], asked: Mapping[str, str], seen: set[str], rubric: Rubric
) -> str | None:
    if question not in asked:
        return f"question: {question[:40]!r} is none of the rubric's"
    if question in seen:
        return f"{question}: a second row for the same message and annotator"
    if row["answer"] and row["answer"].lower() not in options(question, rubric):
        return f"{question}: the answer is none of {', '.join(options(question, rubric))}"
    if row.get("note") and not row["answer"]:
        return f"{question}: has a note, but no answer"
    return None


def _hint(question: str, rubric: Rubric) -> str:
    asked: dict[str, Graded | Choice] = {**rubric.graded, **rubric.choices}
    needs = asked[question].needs if question in asked else ()
    flag, dot, _ = question.partition(".")
    only = (flag,) if dot else needs
    # It begins with a word: a spreadsheet would take -2 / -1 for a formula.
    return f"one of {', '.join(options(question, rubric))}" + (
        f"; only with {' or '.join(only)}" if only else ""
    )


def _text(messages: Sequence[Mapping[str, Any]]) -> str:
    return "\n\n".join(f"[M{n}] {m['role']}: {m['content']}" for n, m in enumerate(messages))


def _safe(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _plain(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell
