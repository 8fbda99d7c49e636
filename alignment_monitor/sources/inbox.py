"""The inbox: files that were imported, kept as rows of ``received`` until a day is built.

Here belong: importing a file, reading back what came in for a day, and which days are to be
built. An import is named by a hash of the file's bytes and one of its options, so that repeating
it changes nothing, and importing the same file with other options replaces its earlier reading.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter

from alignment_monitor.contracts import CONVERSATIONS, RECEIVED
from alignment_monitor.settings import InboxSource, Settings
from alignment_monitor.sources.base import RawConversation, RefusedError
from alignment_monitor.sources.files import SourceFileError, UnreadableRecordError, read_file
from alignment_monitor.sources.normalise import receive
from alignment_monitor.sources.received import ReceivedWriter, day_of, files_of, put, root
from alignment_monitor.sources.replay import Replay, UnknownDeploymentError, plan_replay
from alignment_monitor.sources.research import is_research, parse_research
from alignment_monitor.sources.shapes import LIST_FIELDS, parse_record

EXAMPLES = 3

_EXCERPT_CHARACTERS = 1_000
_EXCERPT_MESSAGES = 3

_Read = tuple[str, RawConversation | RefusedError, str]
"""Location of a record, what it is, and how it starts."""


@dataclass
class Refusals:
    """Records that one rule refused.

    Attributes:
        count: how many.
        shown: location and reason of the first few.
    """

    count: int = 0
    shown: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class ImportReport:
    """What an import brought.

    Attributes:
        records: read from the file.
        accepted: understood; the others were refused.
        refused: by rule.
        first_day: first day with an understood record; if there is none, of a refused one.
        last_day: the last such day.
        bytes: size of the file.
    """

    records: int = 0
    accepted: int = 0
    refused: dict[str, Refusals] = field(default_factory=dict)
    first_day: date | None = None
    last_day: date | None = None
    bytes: int = 0


_REPORT = TypeAdapter(ImportReport)


class Inbox:
    """Imported conversations as a source."""

    def __init__(self, config: InboxSource, settings: Settings) -> None:
        self.name = config.name
        self._settings = settings

    def read(self, day: date) -> pa.Table:
        """All records that were imported for a UTC day; an empty table if none was."""
        paths = files_of(self._settings, day)
        parts = [pq.ParquetFile(path).read().cast(RECEIVED.schema) for path in paths]
        return pa.concat_tables(parts) if parts else RECEIVED.empty()


def import_file(
    path: Path,
    settings: Settings,
    *,
    now: datetime,
    replay_days: int | None,
    last_day: date,
    deployment: str | None,
    deployment_order: list[str] | None,
) -> ImportReport:
    """Read a file into the inbox.

    Args:
        path: a file of a kind that ``files`` reads.
        settings: where the lake is, and what is accepted.
        now: time of arrival.
        replay_days: spread undated conversations over so many days; None: leave them undated.
        last_day: the last day of a replay.
        deployment: of records that name none.
        deployment_order: deployments in the order in which they served, for a replay.

    Raises:
        SourceFileError: the file cannot be read; nothing of it was kept.
    """
    source = _inbox_name(settings)
    file_hash = _file_hash(path)
    replayed = [replay_days, last_day.isoformat(), deployment_order] if replay_days else None
    options = [source, path.name, deployment, replayed, settings.digest("intake")]
    import_id = f"{file_hash}-{_short_hash(json.dumps(options).encode())}"
    finished = root(settings) / "imports" / f"{import_id}.json"
    if finished.exists():
        return _REPORT.validate_json(finished.read_bytes())

    writer = ReceivedWriter(settings, import_id)
    writer.discard()  # what a killed import left
    report = ImportReport(bytes=path.stat().st_size)
    days: dict[bool, set[date]] = {True: set(), False: set()}
    try:
        replay = (
            _plan(path, deployment, replay_days, last_day, deployment_order)
            if replay_days
            else None
        )
        for location, raw, excerpt in _records(path, deployment):
            row = receive(
                replay.dated(raw) if replay and isinstance(raw, RawConversation) else raw,
                source=source,
                location=location,
                settings=settings,
                now=now,
                excerpt=excerpt,
                file_hash=file_hash,
            )
            writer.add(row)
            days[_counted(report, row)].add(row["day"])
        writer.flush()
    except BaseException:
        writer.discard()
        raise
    touched = days[True] or days[False]
    report.first_day, report.last_day = min(touched, default=None), max(touched, default=None)
    writer.discard_others(file_hash)
    put(finished, _REPORT.dump_json(report))
    return report


def received_days(settings: Settings) -> list[date]:
    """The days for which an understood record was imported; if there is none, a refused one."""
    understood: set[date] = set()
    refused: set[date] = set()
    for path in root(settings).glob("day=*/*.parquet"):
        rules = pq.ParquetFile(path).read(columns=["rule"]).column("rule")
        (understood if rules.null_count else refused).add(day_of(path.parent))
    return sorted(understood or refused)


def landed_at(settings: Settings, day: date) -> int:
    """When the imported files of a day last changed, in nanoseconds."""
    return (root(settings) / f"day={day}").stat().st_mtime_ns


def stale_days(settings: Settings, since: date) -> list[date]:
    """Days from a date on whose imported files changed after their conversations were built."""
    days = []
    for folder in root(settings).glob("day=*"):
        built = settings.lake / CONVERSATIONS.name / folder.name / "part.parquet"
        # The folder's own time moves when a file comes, is replaced, or goes.
        fresh = built.exists() and built.stat().st_mtime_ns >= folder.stat().st_mtime_ns
        if not fresh and (built.exists() or any(folder.glob("*.parquet"))):
            days.append(day_of(folder))
    return sorted(day for day in days if day >= since)


def _inbox_name(settings: Settings) -> str:
    for source in settings.sources:
        if isinstance(source, InboxSource):
            return source.name
    raise SourceFileError(
        "monitor.yaml lists no inbox, so nothing would be read: add `- kind: inbox` to sources"
    )


def _file_hash(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()[:16]
    except OSError as error:
        raise SourceFileError(
            f"{path}: cannot be opened ({error.strerror}); check the path"
        ) from error


def _short_hash(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=4).hexdigest()


def _records(path: Path, deployment: str | None) -> Iterator[_Read]:
    for location, record in read_file(path):
        yield location, *_parsed(record, deployment)


def _parsed(
    record: dict[str, Any] | RefusedError, deployment: str | None
) -> tuple[RawConversation | RefusedError, str]:
    if isinstance(record, RefusedError):
        return record, record.excerpt if isinstance(record, UnreadableRecordError) else ""
    try:
        raw = parse_research(record) if is_research(record) else parse_record(record)
    except RefusedError as refusal:
        # Only what was to be messages, else the names of the fields: others may tell the user.
        shown = {name: record[name] for name in LIST_FIELDS if name in record} or list(record)
        return refusal, json.dumps(shown, default=str)[:_EXCERPT_CHARACTERS]
    raw.deployment = raw.deployment or deployment
    first = raw.messages[:_EXCERPT_MESSAGES]
    return raw, "\n".join(f"{m.role}: {m.content}"[:_EXCERPT_CHARACTERS] for m in first)


def _plan(
    path: Path,
    deployment: str | None,
    days: int,
    last_day: date,
    order: list[str] | None,
) -> Replay:
    read = (raw for _, raw, _ in _records(path, deployment) if isinstance(raw, RawConversation))
    try:
        return plan_replay(read, days=days, last_day=last_day, order=order)
    except UnknownDeploymentError as error:
        raise SourceFileError(f"{path.name}: {error}") from error


def _counted(report: ImportReport, row: dict[str, Any]) -> bool:
    """Count a row; True if it was understood."""
    report.records += 1
    rule = row.get("rule")
    if rule is None:
        report.accepted += 1
        return True
    refusals = report.refused.setdefault(rule, Refusals())
    refusals.count += 1
    if len(refusals.shown) < EXAMPLES:
        refusals.shown.append((row["location"], row["reason"]))
    return False
