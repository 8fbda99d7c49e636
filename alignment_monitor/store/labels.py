"""Labels by people and the queue of messages for them, as the operational store keeps them.

Here belong: what replaces what, and the history that stays. Here does not belong: which messages
are queued (sampling.gold), what an answer means (sources.label_rows) or files (labelling.files).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, NamedTuple

from sqlalchemy import ColumnElement, Connection, Engine, Table, func, insert, select, text, update

from alignment_monitor.store.database import transaction
from alignment_monitor.store.schema import gold_queue, labels

Kept = Literal["new", "changed", "unchanged"]

_ANSWER = ("question", "kind", "value", "level", "note")
_DRAWN = ("purpose", "stratum", "inclusion_probability")
_KEY = ("day", "conversation_id", "message_index")


class Message(NamedTuple):
    """The judged unit that a label is about."""

    conversation_id: str
    message_index: int
    content_hash: str


@dataclass(frozen=True)
class Label:
    """All answers of one annotator about one message under one version of the rubric.

    Attributes:
        message: what was labelled.
        annotator: who labelled it.
        answers: rows of question, kind, value or level, and note.
        only: how the names of annotators begin of whom this label alone is to stand; empty: those
            of others all stand.
    """

    message: Message
    annotator: str
    answers: Sequence[Mapping[str, Any]]
    only: str = ""


def keep_label(
    store: Engine, label: Label, *, rubric: str, rubric_version: str, now: datetime
) -> Kept:
    """Keep a label; it takes the place of an earlier one by the same annotator on that message.

    An answer that is no longer given, or is another now, stays as history with the time at which
    it was replaced. The same label again changes nothing.

    Args:
        store: the operational store.
        label: the label.
        rubric: name of the rubric.
        rubric_version: its full version: the guideline that was labelled by.
        now: time of labelling, in UTC.
    """
    with transaction(store) as connection:
        return keep_within(connection, label, rubric=rubric, rubric_version=rubric_version, now=now)


def keep_within(
    connection: Connection, label: Label, *, rubric: str, rubric_version: str, now: datetime
) -> Kept:
    """The same within a ``transaction`` of the caller's, with what else it changes."""
    given = {row["question"]: {name: row.get(name) for name in _ANSWER} for row in label.answers}
    for row in given.values():
        row["note"] = row["note"] or ""
    place = {
        **label.message._asdict(),
        "annotator": label.annotator,
        "rubric_version": rubric_version,
    }
    one_writer(connection, labels)
    mine = [labels.c[name] == value for name, value in place.items()]
    current = select(labels).where(*mine, labels.c.replaced_at.is_(None))
    if label.only:
        _retire_others(connection, label, rubric_version, now)
    before = {row["question"]: dict(row) for row in connection.execute(current).mappings()}
    same = {
        question
        for question, row in given.items()
        if question in before and all(before[question][name] == row[name] for name in _ANSWER)
    }
    if old := [row["label_id"] for name, row in before.items() if name not in same]:
        connection.execute(update(labels).where(labels.c.label_id.in_(old)).values(replaced_at=now))
    if fresh := [row for name, row in given.items() if name not in same]:
        common = {**place, "rubric": rubric, "labelled_at": now}
        connection.execute(insert(labels), [common | row for row in fresh])
    if not before:
        return "new"
    return "changed" if old or fresh else "unchanged"


def _retire_others(
    connection: Connection, label: Label, rubric_version: str, now: datetime
) -> None:
    about = [labels.c[name] == value for name, value in label.message._asdict().items()]
    connection.execute(
        update(labels)
        .where(*about, labels.c.rubric_version == rubric_version, labels.c.replaced_at.is_(None))
        .where(labels.c.annotator.startswith(label.only, autoescape=True))
        .where(labels.c.annotator != label.annotator)
        .values(replaced_at=now)
    )


def labelled_by(store: Engine, rubric_version: str) -> dict[Message, dict[str, datetime]]:
    """Who labelled each message, and when last; without the answers, of which there are many."""
    wanted = (
        select(*(labels.c[name] for name in Message._fields), labels.c.annotator)
        .add_columns(func.max(labels.c.labelled_at).label("last"))
        .where(labels.c.rubric_version == rubric_version, labels.c.replaced_at.is_(None))
        .group_by(*(labels.c[name] for name in Message._fields), labels.c.annotator)
    )
    found: dict[Message, dict[str, datetime]] = {}
    with store.connect() as connection:
        for row in connection.execute(wanted).mappings():
            found.setdefault(message_of(dict(row)), {})[row["annotator"]] = row["last"]
    return found


def edition(store: Engine, rubric_version: str) -> tuple[int, int]:
    """Answers ever given, and of them those replaced: no change leaves both as they were."""
    wanted = select(func.count(labels.c.label_id), func.count(labels.c.replaced_at)).where(
        labels.c.rubric_version == rubric_version
    )
    with store.connect() as connection:
        given, replaced = connection.execute(wanted).one()
    return given, replaced


def labels_of(store: Engine, message: Message, rubric_version: str) -> list[dict[str, Any]]:
    """Every answer about one message that stands."""
    mine = [labels.c[name] == value for name, value in message._asdict().items()]
    return _labels(
        store, *mine, labels.c.rubric_version == rubric_version, labels.c.replaced_at.is_(None)
    )


def current_labels(store: Engine, rubric_version: str) -> list[dict[str, Any]]:
    """Every answer that stands, in the order of messages, annotators and arrival."""
    return _labels(store, labels.c.rubric_version == rubric_version, labels.c.replaced_at.is_(None))


def label_history(store: Engine, rubric_version: str) -> list[dict[str, Any]]:
    """Every answer that ever stood, in the same order."""
    return _labels(store, labels.c.rubric_version == rubric_version)


def labels_about(
    store: Engine, conversation_id: str, message_index: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The answers that stand about one message, and its places in the queue, of all versions."""
    with store.connect() as connection:
        found = [
            connection.execute(
                select(table).where(
                    table.c.conversation_id == conversation_id,
                    table.c.message_index == message_index,
                    *conditions,
                )
            ).mappings()
            for table, conditions in ((labels, [labels.c.replaced_at.is_(None)]), (gold_queue, []))
        ]
        answers, places = ([dict(row) for row in rows] for rows in found)
    return answers, places


def _labels(store: Engine, *conditions: ColumnElement[bool]) -> list[dict[str, Any]]:
    wanted = (
        select(labels)
        .where(*conditions)
        .order_by(
            labels.c.conversation_id,
            labels.c.message_index,
            labels.c.content_hash,
            labels.c.annotator,
            labels.c.label_id,
        )
    )
    with store.connect() as connection:
        return [dict(row) for row in connection.execute(wanted).mappings()]


def enqueue(store: Engine, items: Iterable[Mapping[str, Any]]) -> int:
    """Put messages into the queue and say how many are new to it.

    One that is there already keeps its batch and time; its stratum becomes that of this draw and
    its probability the larger of the two. One of another purpose becomes this draw's but for its
    batch: a message of a burst that is drawn for estimates counts there, by the chance of that
    draw, and stays the evidence that it was. Its hash is the newer one too while nobody labelled
    it.

    Args:
        store: the operational store.
        items: rows of ``gold_queue``.
    """
    new = 0
    with transaction(store) as connection:
        one_writer(connection, gold_queue)
        for item in items:
            mine = [gold_queue.c[name] == item[name] for name in _KEY]
            before = connection.execute(select(gold_queue).where(*mine)).mappings().one_or_none()
            if before is None:
                connection.execute(insert(gold_queue), dict(item))
                new += 1
                continue
            if before["purpose"] == item["purpose"]:
                chance = max(before["inclusion_probability"], item["inclusion_probability"])
                changes = {"stratum": item["stratum"], "inclusion_probability": chance}
            else:
                changes = {name: item[name] for name in _DRAWN}
            if not _labelled(connection, dict(before)):
                changes["content_hash"] = item["content_hash"]
            connection.execute(update(gold_queue).where(*mine).values(**changes))
    return new


def queued(store: Engine, *, before: date | None = None) -> list[dict[str, Any]]:
    """The queue by day, conversation and message; only of earlier days if one is given."""
    wanted = select(gold_queue).order_by(*(gold_queue.c[name] for name in _KEY))
    if before is not None:
        wanted = wanted.where(gold_queue.c.day < before)
    with store.connect() as connection:
        return [dict(row) for row in connection.execute(wanted).mappings()]


def queued_of(store: Engine, blind_id: str) -> list[dict[str, Any]]:
    """The messages of one conversation that are in the queue."""
    wanted = select(gold_queue).where(gold_queue.c.blind_id == blind_id)
    with store.connect() as connection:
        return [dict(row) for row in connection.execute(wanted).mappings()]


def message_of(row: Mapping[str, Any]) -> Message:
    """The message that a row of either table is about."""
    return Message(row["conversation_id"], row["message_index"], row["content_hash"])


def _labelled(connection: Connection, row: Mapping[str, Any]) -> bool:
    message = message_of(row)._asdict()
    mine = [labels.c[name] == value for name, value in message.items()]
    return connection.execute(select(labels.c.label_id).where(*mine).limit(1)).first() is not None


def one_writer(connection: Connection, table: Table) -> None:
    """Let no other writer between reading and writing; SQLite's transaction sees to it itself."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"lock table {table.name} in share row exclusive mode"))
