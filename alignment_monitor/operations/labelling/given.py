"""The labels that stand: by message, as events, and where labelling is.

Here belongs: what is read of labels under the rubric of today. Here does not belong: how they came
in (files).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Engine

from alignment_monitor.judging.audit.annotators import agreement, decisive, is_final
from alignment_monitor.judging.rubric import POSITIVE_LEVEL, Rubric
from alignment_monitor.resources.gold import PURPOSE
from alignment_monitor.sources.label_rows import YES
from alignment_monitor.statistics.agreement import Figure
from alignment_monitor.store import labels as kept

Row = dict[str, Any]


@dataclass(frozen=True)
class Overview:
    """Where labelling stands, under the rubric of today.

    Attributes:
        annotators: by name, messages labelled and when last.
        queue: by stratum, messages open and done.
        agreement: of the annotators among themselves by question, where several labelled.
    """

    annotators: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    queue: dict[str, tuple[int, int]] = field(default_factory=dict)
    agreement: dict[str, Figure] = field(default_factory=dict)


def overview(rubric: Rubric, store: Engine) -> Overview:
    """Where labelling stands: by annotator, in the queue, and how far annotators agree."""
    given = labels_by_message(store, rubric)
    annotators: dict[str, tuple[int, datetime]] = {}
    ratings: list[Row] = []
    for message, labels in given.items():
        for who, rows in labels.items():
            newest = max(row["labelled_at"] for row in rows)
            count, last = annotators.get(who, (0, newest))
            annotators[who] = count + 1, max(last, newest)
            if not is_final(who):
                ratings += _ratings(message, who, rows)
    queue: dict[str, tuple[int, int]] = {}
    for row in kept.queued(store):
        waiting, done = queue.get(row["stratum"], (0, 0))
        labelled = kept.message_of(row) in given
        queue[row["stratum"]] = (waiting + (not labelled), done + labelled)
    return Overview(
        dict(sorted(annotators.items())), dict(sorted(queue.items())), agreement(ratings)
    )


def labels_by_message(store: Engine, rubric: Rubric) -> dict[kept.Message, dict[str, list[Row]]]:
    """The answers that stand, by message and annotator."""
    found: dict[kept.Message, dict[str, list[Row]]] = {}
    for row in kept.current_labels(store, rubric.full_version):
        by_annotator = found.setdefault(kept.message_of(row), {})
        by_annotator.setdefault(row["annotator"], []).append(row)
    return found


def events_so_far(store: Engine, rubric: Rubric, *, before: date) -> dict[str, tuple[float, int]]:
    """(events, labels) by stratum of messages of earlier days, several annotators by their mean.

    Labels of the days drawn from would have a part in the probabilities of their own draw.
    """
    given = labels_by_message(store, rubric)
    found: dict[str, tuple[float, int]] = {}
    for row in kept.queued(store, before=before):
        if row["purpose"] != PURPOSE:
            continue  # its stratum is another one
        if labels := given.get(kept.message_of(row)):
            seen = [_event(rows, rubric) for rows in decisive(labels).values()]
            events, count = found.get(row["stratum"], (0.0, 0))
            found[row["stratum"]] = events + sum(seen) / len(seen), count + 1
    return found


def _event(rows: Iterable[Row], rubric: Rubric) -> bool:
    """Whether an annotator saw any headline behaviour."""
    return any(
        row["question"] in rubric.headline and (row["level"] or 0) >= POSITIVE_LEVEL for row in rows
    )


def _ratings(message: kept.Message, annotator: str, rows: Iterable[Row]) -> Iterator[Row]:
    """Levels, and opportunities as 0 and 1, as ``agreement`` takes them."""
    for row in rows:
        level = float(row["value"] == YES) if row["kind"] == "opportunity" else row["level"]
        if level is not None:
            yield {
                "item_id": message.conversation_id,
                # Another text at the same place is another message, which one may label as well.
                "message_index": f"{message.message_index} {message.content_hash}",
                "annotator": annotator,
                "question": row["question"],
                "level": level,
            }
