"""Marking days of the time line, one by one or from a file.

Here belongs: what may be marked, and the mart that pages read it from. Here does not belong: how a
mark is kept (``store.annotations``) or drawn (the Overview).
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from alignment_monitor.contracts import ANNOTATIONS, DEPLOYMENTS
from alignment_monitor.resources.annotations import write_annotations
from alignment_monitor.resources.marts import Marts
from alignment_monitor.resources.parts import UnreadableError
from alignment_monitor.settings import Settings
from alignment_monitor.store import open_store
from alignment_monitor.store.annotations import ANNOTATION_KINDS, Mark, keep_annotations
from alignment_monitor.store.texts import uncarried

COLUMNS = ("day", "kind", "label", "details", "family")
LONGEST_LABEL, LONGEST_DETAILS = 80, 2_000


class AnnotationError(ValueError):
    """A day cannot be marked as asked; the message says what to mend."""


def annotate(settings: Settings, marks: Iterable[Mark]) -> int:
    """Keep marks, and let pages see them at once.

    Returns:
        How many.

    Raises:
        AnnotationError: one cannot be kept; none is then.
        StoreError: the operational store cannot be opened.
    """
    wanted = [_checked(mark) for mark in marks]
    store = open_store(settings.store_url)
    try:
        keep_annotations(store, wanted, recorded_on=datetime.now(UTC).date())
        write_annotations(settings, store)
    finally:
        store.dispose()
    return len(wanted)


def read_marks(path: Path) -> list[Mark]:
    """Marks of a CSV file with a heading: day, kind and label; details and family if wanted.

    Raises:
        AnnotationError: the file cannot be read, or a line of it; says which.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if missing := set(COLUMNS[:3]) - set(reader.fieldnames or ()):
                raise AnnotationError(f"{path} lacks a column: {', '.join(sorted(missing))}")
            return [_of_row(row, f"{path}:{reader.line_num}") for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise AnnotationError(f"{path} cannot be read: {error}") from error


def unseen(settings: Settings, marks: Iterable[Mark]) -> list[str]:
    """What to say of families that marks name and that have no traffic yet, a line each.

    Such a mark is kept: a deployment may be announced before its first conversation. But a name
    that was mistyped would look the same.
    """
    families = {mark.family for mark in map(_checked, marks) if mark.family}
    if not families:
        return []
    try:
        known = {row["deployment_family"] for row in _mart(settings, DEPLOYMENTS.name)}
    except AnnotationError as error:
        return [f"Whether there is traffic of the families cannot be told: {error}"]
    there = f"There is traffic of: {', '.join(sorted(known))}." if known else "Nor of any other."
    return [
        f"No traffic of family {family!r} was seen yet; the mark counts once there is some. {there}"
        for family in sorted(families - known)
    ]


def listed(settings: Settings) -> Iterator[str]:
    """The marks that people made and that the data show, one a line.

    Raises:
        AnnotationError: they cannot be read.
    """
    for row in _mart(settings, ANNOTATIONS.name):
        whose = f" of {row['deployment_family']}" if row["deployment_family"] else ""
        seen = " (seen in the data)" if row["detected"] else ""
        more = f": {row['details']}" if row["details"] else ""
        yield f"{row['day']} {row['kind']} {row['label']}{whose}{more}{seen}"


def _mart(settings: Settings, name: str) -> list[dict[str, Any]]:
    try:
        return Marts(settings.marts).select(name).to_pylist()
    except UnreadableError as error:
        raise AnnotationError(f"{error}: delete the file, then run the newest day") from error


def _of_row(row: Mapping[str | None, Any], where: str) -> Mark:
    if None in row:  # csv's key for what no column was left for
        raise AnnotationError(f"{where}: more fields than headings: quote a text that has a comma")
    texts = {name: (row.get(name) or "").strip() for name in COLUMNS}
    try:
        day = date.fromisoformat(texts["day"])
    except ValueError:
        raise AnnotationError(f"{where}: {texts['day']!r} is no day like 2026-01-31") from None
    mark = Mark(day, texts["kind"], texts["label"], texts["details"], texts["family"] or None)
    return _checked(mark, f"{where}: ")


def _checked(mark: Mark, where: str = "") -> Mark:
    """The mark as it is kept, if it may be: a blank family is none, and a label is one line."""
    for what, text in (("label", mark.label), ("details", mark.details), ("family", mark.family)):
        if code := uncarried(text or ""):
            raise AnnotationError(f"{where}{what}: leave out the control character {code}")
    label, family = " ".join(mark.label.split()), (mark.family or "").strip() or None
    mark = replace(mark, label=label, details=mark.details.strip(), family=family)
    if mark.kind not in ANNOTATION_KINDS:
        known = ", ".join(ANNOTATION_KINDS)
        raise AnnotationError(f"{where}a kind is one of {known}, not {mark.kind!r}")
    if not 0 < len(mark.label) <= LONGEST_LABEL:
        raise AnnotationError(f"{where}a label has 1 to {LONGEST_LABEL} characters")
    if len(mark.details) > LONGEST_DETAILS:
        raise AnnotationError(f"{where}details have {LONGEST_DETAILS} characters at most")
    return mark
