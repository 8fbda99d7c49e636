"""Marks on the time line, as the operational store keeps them.

Here belongs: writing marks, all or none. Here does not belong: what may be marked
(``operations.annotate``), or what the data show by themselves (``resources.annotations``).
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, Engine, insert, select, update

from alignment_monitor.store.database import transaction
from alignment_monitor.store.schema import annotations

ANNOTATION_KINDS = ("deployment", "incident", "rubric", "judge", "note")


@dataclass(frozen=True)
class Mark:
    """One day marked.

    Attributes:
        day: the day.
        kind: one of ANNOTATION_KINDS.
        label: what happened, in a few words.
        details: more of it.
        family: line of deployments; null: all.
    """

    day: date
    kind: str
    label: str
    details: str = ""
    family: str | None = None


def keep_annotations(store: Engine, marks: Iterable[Mark], *, recorded_on: date) -> list[str]:
    """Keep marks in one transaction, all or none; the same mark again replaces its details only.

    Args:
        store: the operational store.
        marks: what to mark.
        recorded_on: day in UTC on which this is written down; of a mark known before the first
            such day stands.

    Returns:
        The annotations' ids, in the order of the marks.

    Raises:
        ValueError: a kind is not one of ANNOTATION_KINDS.
    """
    with transaction(store) as connection:
        return [_keep(connection, mark, recorded_on) for mark in marks]


def _keep(connection: Connection, mark: Mark, recorded_on: date) -> str:
    if mark.kind not in ANNOTATION_KINDS:
        known = ", ".join(ANNOTATION_KINDS)
        raise ValueError(f"an annotation is one of {known}, not {mark.kind!r}")
    family = mark.family or None
    row = {"day": mark.day, "kind": mark.kind, "label": mark.label, "deployment_family": family}
    # Looked for by what it is: earlier versions gave other ids.
    same = [annotations.c[name].is_not_distinct_from(value) for name, value in row.items()]
    kept = connection.execute(select(annotations.c.annotation_id).where(*same)).scalars().first()
    if kept is not None:
        mine = annotations.c.annotation_id == kept
        connection.execute(update(annotations).where(mine).values(details=mark.details))
        return kept
    whole = json.dumps([str(mark.day), mark.kind, mark.label, family])  # no two are the same text
    identity = hashlib.blake2b(whole.encode(), digest_size=8).hexdigest()
    row |= {"annotation_id": identity, "details": mark.details, "recorded_on": recorded_on}
    connection.execute(insert(annotations), row)
    return identity
