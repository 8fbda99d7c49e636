"""Labels as a table for spreadsheets: CSV with one row for each message and question.

Here belong: its columns, and what makes a row wrong. Here does not belong: the other form, one
conversation a line (gold), or which messages are written and where labels are kept (labelling).
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from alignment_monitor.judging.rubric import Choice, Graded, Rubric
from alignment_monitor.sources.files import LONGEST_LINE, SourceFileError, csv_rows
from alignment_monitor.sources.label_check import read_label
from alignment_monitor.sources.label_rows import YES, label_of, options, questions, rows_of

COLUMNS = ("id", "message_index", "annotator", "question", "answer", "options", "note", "text")
REQUIRED = ("id", "message_index", "question", "answer")
LONGEST_INDEX = 9
"""Digits of a message's place; beyond thousands of them Python reads no number."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_BY_NUMBER = ("stance", "behaviour", "guard")

Row = tuple[int, dict[str, str]]
"""The line on which a row begins, and its cells by column."""
Problem = tuple[int, str]
"""A line, and what is wrong with it."""


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
    of it; so is one that lacks rows where some could not be read. Every opportunity of a labelled
    message needs its yes or no. An annotator who is alone on a message gave all of its rows.

    Raises:
        SourceFileError: the file cannot be read, or lacks a column.
    """
    rows, problems = _rows(path)
    is_whole = not problems
    labels, blank = [], 0
    for (name, index), given in _by_message(rows).items():
        for annotator, mine in given.items():
            first = mine[0][0]
            if not is_whole and questions(rubric).keys() - {row["question"] for _, row in mine}:
                problems.append((first, "lacks rows that could not be read: mend the file first"))
            elif not any(row["answer"] or row.get("note") for _, row in mine):
                blank += 1
            elif not annotator and len(given) > 1:
                several = "empty, though several are named for this message: fill it in"
                problems.append((first, f"annotator: {several}"))
            else:
                label, wrong = _label(index, annotator, mine, rubric)
                problems += wrong
                if label is not None:
                    labels.append(FileLabel(f"{path.name}:{first}", name, label))
    told = tuple(f"{path.name}:{line}: {problem}" for line, problem in sorted(problems))
    return LabelFile(tuple(labels), told, blank)


def _by_message(rows: Iterable[Row]) -> dict[tuple[str, str], dict[str, list[Row]]]:
    """Rows by message and annotator; the only one named for a message has those without one too."""
    found: dict[tuple[str, str], dict[str, list[Row]]] = {}
    for number, row in rows:
        given = found.setdefault((row["id"], row["message_index"]), {})
        given.setdefault(_plain(row.get("annotator", "")), []).append((number, row))
    for message, given in found.items():
        if "" in given and len(given) == 2:
            (who,) = given.keys() - {""}
            found[message] = {who: sorted(given[who] + given[""], key=itemgetter(0))}
    return found


def _rows(path: Path) -> tuple[list[Row], list[Problem]]:
    """The rows with the lines they begin on, cells stripped, and what could not be read."""
    try:
        # What a spreadsheet did to a note must not cost the labels: ids and answers are ASCII.
        text = path.read_bytes().decode("utf-8-sig", errors="replace")
    except OSError as error:
        raise SourceFileError(f"{path}: cannot be read: {error.strerror or error}") from error
    csv.field_size_limit(LONGEST_LINE)
    first = text.partition("\n")[0]
    delimiter = ";" if first.count(";") > first.count(",") else ","
    # Unless strict, a quote left open would swallow what follows it without a word.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise SourceFileError(f"{path.name}:1: {error}: is a quote left open?") from error
    if missing := [name for name in REQUIRED if name not in header]:
        raise SourceFileError(f"{path.name}: lacks the columns {', '.join(missing)}")
    found: list[Row] = []
    unread: list[Problem] = []
    # Spreadsheets leave off empty cells at the end of a row.
    needed = 1 + max(map(header.index, REQUIRED))
    for start, cells in csv_rows(reader):
        if isinstance(cells, csv.Error):
            reason = f"not read up to line {reader.line_num} ({cells}): is a quote left open?"
            unread.append((start, reason))
        elif not any(cells):
            continue
        elif len(cells) < needed or any(cells[len(header) :]):
            unread.append((start, f"{len(cells)} cells under {len(header)} columns"))
        else:
            row = dict(zip(header, map(str.strip, cells), strict=False))
            found.append((start, dict.fromkeys(header, "") | row))
    return found, unread


def _label(
    index: str, annotator: str, rows: Sequence[Row], rubric: Rubric
) -> tuple[dict[str, Any] | None, list[Problem]]:
    """The label that the rows of a message mean, or what is wrong with each of them by line."""
    lines = {row["question"]: number for number, row in reversed(rows)}
    first = rows[0][0]
    given, wrong = _answers(rows, rubric)
    if not index.isdecimal() or len(index) > LONGEST_INDEX:
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


def _answers(rows: Sequence[Row], rubric: Rubric) -> tuple[list[dict[str, Any]], list[Problem]]:
    """The answers of rows that are right, and what is wrong with the others by line."""
    asked, seen = questions(rubric), set[str]()
    given: list[dict[str, Any]] = []
    wrong: list[Problem] = []
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
