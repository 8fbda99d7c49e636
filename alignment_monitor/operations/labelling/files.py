"""Labels as files: out to people, blind to verdict, deployment, date and model, and back in.

Here belong: which messages are written, what of their conversations is shown, and what an import
keeps. Here does not belong: the forms of files (sources.gold, sources.label_table).
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Engine

from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.operations.labelling.given import labels_by_message
from alignment_monitor.operations.labelling.queue import turns_of
from alignment_monitor.privacy.redaction import redact
from alignment_monitor.settings import Settings
from alignment_monitor.sources.gold import labelled_lines
from alignment_monitor.sources.label_rows import blank, label_of, rows_of
from alignment_monitor.sources.label_table import FileLabel, LabelFile, read_table, write_table
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

    Their order says nothing, their identifiers are blind, system messages are withheld, and what
    came after the last message to be labelled is cut off.

    Args:
        settings: of the home.
        rubric: the questions.
        store: the operational store.
        form: jsonl (a labelled file, for ``judge audit --gold`` too) or csv.
        queue: write what is still to be labelled, in place of the labels given.
        annotator: for whom: what others have labelled is still open to this one.
    """
    wanted = _wanted(store, rubric, queue=queue, annotator=annotator)
    lines: list[Row] = []
    messages = missing = 0
    for day, talks in wanted.items():
        turns = turns_of(settings, day, {name for name, _ in talks})
        for (name, blind_id), labels in talks.items():
            if name in turns:
                lines.append(_blind(blind_id, turns[name], labels))
                messages += len(labels)
            else:
                missing += len(labels)
    lines.sort(key=lambda line: str(line["id"]))
    if form == "csv" and lines:
        text = write_table(lines, rubric)
    else:
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    return Exported(text, len(lines), messages, missing)


def _wanted(
    store: Engine, rubric: Rubric, *, queue: bool, annotator: str
) -> dict[date, dict[tuple[str, str], dict[int, list[Row]]]]:
    """Labels to be written: by day, conversation with its blind identifier, and message."""
    given = labels_by_message(store, rubric)
    found: dict[date, dict[tuple[str, str], dict[int, list[Row]]]] = {}
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
        talk = row["conversation_id"], row["blind_id"]
        found.setdefault(row["day"], {}).setdefault(talk, {})[index] = out
    return found


def import_labels(
    path: Path,
    settings: Settings,
    rubric: Rubric,
    store: Engine,
    *,
    annotator: str = "",
    now: datetime,
) -> Imported:
    """Keep the labels of a file that are right, and say what is wrong with the others.

    Args:
        path: JSON Lines in the shape of a labelled file, or CSV; identifiers are the queue's.
        settings: of the home.
        rubric: what the answers are checked against.
        store: the operational store.
        annotator: who gave the labels that name nobody.
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
        who = (label["annotator"] or annotator).strip()
        if row is None:
            where = f"message {label['message_index']} of {name[:40]!r}"
            problems.append(
                f"{place}: {where} is not in the queue: label what `labels export` gave"
            )
        elif not who:
            problems.append(f"{place}: annotator: nobody is named: add --annotator NAME")
        else:
            answers = rows_of(label, rubric)
            for answer in answers:
                answer["note"] = redact(answer["note"])[0]
            given = kept.Label(kept.message_of(row), who, answers)
            counts[
                kept.keep_label(
                    store, given, rubric=rubric.name, rubric_version=rubric.full_version, now=now
                )
            ] += 1
    return Imported(counts, tuple(problems), file.blank)


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


def _blind(blind_id: str, turns: list[Row], labels: Mapping[int, list[Row]]) -> Row:
    """A line of a labelled file."""
    return {
        "id": blind_id,
        "messages": [
            {
                "role": turn["role"],
                "content": WITHHELD if turn["role"] == "system" else turn["content"],
            }
            for turn in turns
            if turn["index"] <= max(labels)
        ],
        "labels": [label for _, given in sorted(labels.items()) for label in given],
    }
