"""Labels as files: out to people, blind to verdict, deployment, date and model, and back in.

Here belong: which messages are written, what of their conversations is shown, and what an import
keeps. Here does not belong: the forms of files (sources.gold, sources.label_table).
"""

import json
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Engine

from alignment_monitor.judging.audit.annotators import ADJUDICATED, is_final
from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.operations.labelling.given import labels_by_message
from alignment_monitor.operations.labelling.queue import turns_of
from alignment_monitor.privacy.redaction import redact
from alignment_monitor.settings import Settings
from alignment_monitor.sources.gold import labelled_lines
from alignment_monitor.sources.label_rows import blank, label_of, rows_of
from alignment_monitor.sources.label_table import FileLabel, LabelFile, read_table, write_table
from alignment_monitor.sources.normalise import clean
from alignment_monitor.store import labels as kept

WITHHELD = "[withheld]"
"""What stands for a system message, which may name the model or the date; places stay the same."""

Format = Literal["jsonl", "csv"]
Row = dict[str, Any]


@dataclass(frozen=True)
class Exported:
    """A file for people.

    Attributes:
        text: of the file; empty if there is nothing to write.
        conversations: how many it holds.
        messages: of them, messages to be labelled, or labelled.
        missing: messages left out because their conversation is no longer among the marts.
    """

    text: str
    conversations: int
    messages: int
    missing: int


@dataclass(frozen=True)
class Imported:
    """What became of a file.

    Attributes:
        counts: labels that were new, changed or unchanged.
        problems: what was refused, each with its line.
        blank: messages in it that are still to be labelled.
    """

    counts: Counter[str]
    problems: tuple[str, ...]
    blank: int


def export_labels(
    settings: Settings,
    rubric: Rubric,
    store: Engine,
    form: Format,
    *,
    queue: bool,
    annotator: str = "",
) -> Exported:
    """Conversations with blank labels to be filled, or with the labels that were given.

    Their order says nothing, their identifiers are blind and system messages are withheld. Each
    message stands for itself: what came after it is cut off.

    Args:
        settings: of the home.
        rubric: the questions.
        store: the operational store.
        form: jsonl (a labelled file, for ``judge audit --gold`` too) or csv.
        queue: write what is still to be labelled, in place of the labels given.
        annotator: for whom: what others have labelled is still open to this one.
    """
    lines: list[Row] = []
    missing = 0
    for day, wanted in _wanted(store, rubric, queue=queue, annotator=annotator).items():
        turns = turns_of(settings, day, {row["conversation_id"] for row, _ in wanted})
        for row, labels in wanted:
            if row["conversation_id"] in turns:
                lines.append(_blind(row, turns[row["conversation_id"]], labels))
            else:
                missing += 1
    lines.sort(key=lambda line: (line["id"], line["labels"][0]["message_index"]))
    if form == "csv" and lines:
        text = write_table(lines, rubric)
    else:
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    return Exported(text, len({line["id"] for line in lines}), len(lines), missing)


def _wanted(
    store: Engine, rubric: Rubric, *, queue: bool, annotator: str
) -> dict[date, list[tuple[Row, list[Row]]]]:
    """Rows of the queue whose labels are to be written, by day, each with these labels."""
    given = labels_by_message(store, rubric)
    found: dict[date, list[tuple[Row, list[Row]]]] = {}
    seen: set[kept.Message] = set()
    for row in kept.queued(store):
        message, index = kept.message_of(row), row["message_index"]
        labels = given.get(message, {})
        is_open = annotator not in labels if annotator else not labels
        if message in seen or not (is_open if queue else labels):
            continue
        seen.add(message)
        if queue:
            out = [blank(index, annotator, rubric)]
        else:
            out = [label_of(index, who, rows) for who, rows in labels.items()]
        found.setdefault(row["day"], []).append((row, out))
    return found


def import_labels(
    path: Path,
    settings: Settings,
    rubric: Rubric,
    store: Engine,
    *,
    annotator: str = "",
    alone: bool = False,
    now: datetime,
) -> Imported:
    """Keep the labels of a file that are right, and say what is wrong with the others.

    Args:
        path: JSON Lines in the shape of a labelled file, or CSV; identifiers are the queue's.
        settings: of the home.
        rubric: what the answers are checked against.
        store: the operational store.
        annotator: who gave the labels that name nobody.
        alone: refuse labels, and final labels, in the name of anybody else.
        now: time of labelling.

    Raises:
        SourceFileError: the file cannot be read at all.
    """
    file = _read(path, rubric, settings)
    queue = {(row["blind_id"], row["message_index"]): row for row in kept.queued(store)}
    counts: Counter[str] = Counter()
    problems = list(file.problems)
    for place, name, label in file.labels:
        row = queue.get((name, label["message_index"]))
        who = (label["annotator"] or clean(annotator)).strip()
        if row is None:
            where = f"message {label['message_index']} of {name[:40]!r}"
            problems.append(
                f"{place}: {where} is not in the queue: label what `labels export` gave"
            )
        elif not who:
            problems.append(f"{place}: annotator: nobody is named: add --annotator NAME")
        elif alone and who.removeprefix(ADJUDICATED) != annotator:
            problems.append(f"{place}: annotator: {who[:40]!r} is somebody else’s name")
        else:
            given = label_by(who, row, label, rubric)
            counts[
                kept.keep_label(
                    store, given, rubric=rubric.name, rubric_version=rubric.full_version, now=now
                )
            ] += 1
    return Imported(counts, tuple(problems), file.blank)


def label_by(annotator: str, row: Row, label: Row, rubric: Rubric) -> kept.Label:
    """What an annotator says of a message of the queue; of final labels the last one stands."""
    only = ADJUDICATED if is_final(annotator) else ""
    return kept.Label(kept.message_of(row), annotator, answers_of(label, rubric), only)


def answers_of(label: Row, rubric: Rubric) -> list[Row]:
    """The answers of a label that is right, with what its notes tell of persons taken out."""
    return [row | {"note": redact(row["note"])[0]} for row in rows_of(label, rubric)]


def _read(path: Path, rubric: Rubric, settings: Settings) -> LabelFile:
    if path.name.lower().endswith(".csv"):
        return read_table(path, rubric)
    labels: list[FileLabel] = []
    problems: list[str] = []
    empty = 0
    for line in labelled_lines(path, rubric, settings):
        labels += [FileLabel(line.place, line.name, label) for label in line.labels]
        problems += [f"{line.place}: {problem}" for problem in line.problems]
        empty += len(line.blank)
    return LabelFile(tuple(labels), tuple(problems), empty)


def _blind(row: Row, turns: list[Row], labels: list[Row]) -> Row:
    """A line of a labelled file: a message of the queue, and what came before it."""
    return {
        "id": row["blind_id"],
        "messages": [
            {
                "role": turn["role"],
                "content": WITHHELD if turn["role"] == "system" else turn["content"],
            }
            for turn in turns
            if turn["index"] <= row["message_index"]
        ],
        "labels": labels,
    }
