"""Claims: which message is before which annotator, so that no two do the same work unasked.

Here belong: giving a message to an annotator, putting it off, and the label that ends a claim, each
in one transaction. Here does not belong: which message comes next (operations.labelling.desk).

A claim is a lease: a browser that was closed keeps nobody from a message for longer. Whoever
answers late has the label kept all the same: work is never thrown away.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, delete, insert, select, update

from alignment_monitor.store.database import transaction
from alignment_monitor.store.labels import (
    Kept,
    Label,
    Message,
    keep_within,
    message_of,
    one_writer,
)
from alignment_monitor.store.schema import label_claims, labels


def claim(
    store: Engine,
    candidates: Iterable[tuple[Message, int]],
    annotator: str,
    *,
    rubric_version: str,
    now: datetime,
    lease: timedelta,
) -> Message | None:
    """Give an annotator the first message that has room for one more, and hold it for a while.

    The one that is before them already stays theirs, and is held anew. Reading and writing are one
    transaction that lets no other writer between, in SQLite and in PostgreSQL: of two who ask at
    once, one comes second and sees what the first was given.

    Args:
        store: the operational store.
        candidates: messages by preference, each with how many annotators it is to have.
        annotator: who asks.
        rubric_version: labels and claims under others do not count.
        now: time of asking, in UTC.
        lease: how long the message is held.

    Returns:
        The message; null where none has room.
    """
    with transaction(store) as connection:
        one_writer(connection, label_claims)
        held = _held(connection, rubric_version, now)
        wanted = list(candidates)
        mine = [pair for pair in wanted if annotator in held.get(pair[0], ())]
        for message, room in (*mine, *wanted):
            takers = _labelled(connection, message, rubric_version)
            others = (takers | held.get(message, set())) - {annotator}
            if annotator not in takers and len(others) < room:
                _hold(connection, message, annotator, rubric_version, now, now + lease)
                return message
    return None


def skip(
    store: Engine, message: Message, annotator: str, *, rubric_version: str, now: datetime
) -> None:
    """Put a message off: it is before nobody, and last in the line of who skipped it."""
    with transaction(store) as connection:
        one_writer(connection, label_claims)
        mine = _mine(annotator, rubric_version, message)
        found = connection.execute(
            update(label_claims).where(*mine).values(skipped_at=now, expires_at=now)
        )
        if not found.rowcount:
            row = _row(message, annotator, rubric_version, now, now) | {"skipped_at": now}
            connection.execute(insert(label_claims), row)


def skipped(store: Engine, annotator: str, rubric_version: str) -> dict[Message, datetime]:
    """The messages that an annotator put off, and when."""
    wanted = select(label_claims).where(
        *_mine(annotator, rubric_version), label_claims.c.skipped_at.is_not(None)
    )
    with store.connect() as connection:
        return {
            message_of(dict(row)): row["skipped_at"]
            for row in connection.execute(wanted).mappings()
        }


def keep_claimed(
    store: Engine, label: Label, *, rubric: str, rubric_version: str, now: datetime
) -> Kept:
    """Keep a label and end the claim on its message, both or neither.

    The same label again, sent by somebody who never heard that it arrived, changes nothing.
    """
    with transaction(store) as connection:
        # Claims are locked first, as in ``claim``: it sees the claim or the label, never neither.
        one_writer(connection, label_claims)
        connection.execute(
            delete(label_claims).where(*_mine(label.annotator, rubric_version, label.message))
        )
        return keep_within(connection, label, rubric=rubric, rubric_version=rubric_version, now=now)


def _held(connection: Connection, rubric_version: str, now: datetime) -> dict[Message, set[str]]:
    """Who holds each message now."""
    live = select(label_claims).where(
        label_claims.c.rubric_version == rubric_version,
        label_claims.c.expires_at > now,
        label_claims.c.skipped_at.is_(None),
    )
    found: dict[Message, set[str]] = {}
    for row in connection.execute(live).mappings():
        found.setdefault(message_of(dict(row)), set()).add(row["annotator"])
    return found


def _labelled(connection: Connection, message: Message, rubric_version: str) -> set[str]:
    mine = [labels.c[name] == value for name, value in message._asdict().items()]
    standing = select(labels.c.annotator).where(
        *mine, labels.c.rubric_version == rubric_version, labels.c.replaced_at.is_(None)
    )
    return set(connection.execute(standing.distinct()).scalars())


def _hold(
    connection: Connection,
    message: Message,
    annotator: str,
    rubric_version: str,
    now: datetime,
    until: datetime,
) -> None:
    """One message at a time: what else was before this annotator is free again."""
    of_annotator = _mine(annotator, rubric_version)
    connection.execute(
        delete(label_claims).where(*of_annotator, label_claims.c.skipped_at.is_(None))
    )
    connection.execute(delete(label_claims).where(*_mine(annotator, rubric_version, message)))
    connection.execute(insert(label_claims), _row(message, annotator, rubric_version, now, until))


def _mine(annotator: str, rubric_version: str, message: Message | None = None) -> list:
    values = {"annotator": annotator, "rubric_version": rubric_version}
    values |= message._asdict() if message else {}
    return [label_claims.c[name] == value for name, value in values.items()]


def _row(
    message: Message, annotator: str, rubric_version: str, now: datetime, until: datetime
) -> dict:
    return {
        **message._asdict(),
        "rubric_version": rubric_version,
        "annotator": annotator,
        "claimed_at": now,
        "expires_at": until,
    }
