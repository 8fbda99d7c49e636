"""Files become records, one at a time: JSON Lines, JSON, Parquet, CSV.

Here belongs: everything about bytes and file formats. A record that cannot be read is handed on
as a refusal with its place, and reading goes on; a file that cannot be read at all is an error.
What a record means belongs to ``shapes``.
"""

import csv
import gzip
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from alignment_monitor.sources.base import RefusedError
from alignment_monitor.sources.shapes import LIST_FIELDS

LONGEST_LINE = 64 * 2**20
"""Bytes of a line, or characters of a CSV cell, that are held in memory."""
LARGEST_JSON = 2**30
"""Bytes of a .json file, which must be read whole."""
BATCH_ROWS = 256

_EXCERPT_BYTES = 1_000
_MESSAGE_COLUMNS = ("conversation_id", "role", "content")
_MESSAGE_FIELDS = (*_MESSAGE_COLUMNS, "created_at", "timestamp")

Record = tuple[str, dict[str, Any] | RefusedError]


class SourceFileError(Exception):
    """A file cannot be read at all; the message names it, what is wrong and what to do."""


class UnreadableRecordError(RefusedError):
    """A record is not even data.

    Attributes:
        excerpt: how its text starts, not yet redacted.
    """

    def __init__(self, rule: str, reason: str, start: bytes = b"") -> None:
        super().__init__(rule, reason)
        self.excerpt = start[:_EXCERPT_BYTES].decode(errors="replace")


def read_file(path: Path) -> Iterator[Record]:
    """Read a file, record by record, each with its place (``name:line`` or ``name:number``).

    Raises:
        SourceFileError: it does not exist, is of no known kind, or is broken as a whole.
    """
    reader = next((read for end, read in _READERS.items() if path.name.lower().endswith(end)), None)
    if reader is None:
        raise SourceFileError(
            f"{path.name}: files of this kind cannot be read; give {', '.join(_READERS)}"
        )
    if not path.is_file():
        raise SourceFileError(f"{path}: there is no such file; check the path")
    try:
        yield from reader(path)
    except OSError as error:
        raise SourceFileError(f"{path.name}: cannot be read: {error.strerror or error}") from error


def _read_lines(path: Path) -> Iterator[Record]:
    with path.open("rb") as stream:
        yield from _lines(stream, path.name)


def _read_compressed(path: Path) -> Iterator[Record]:
    read = 0
    with gzip.open(path, "rb") as stream:
        try:
            for record in _lines(stream, path.name):
                yield record
                read += 1
        except gzip.BadGzipFile as error:
            if not read:
                raise SourceFileError(
                    f"{path.name}: is not gzip; drop .gz from its name, or compress it"
                ) from error
            yield _cut_off(path, read)
        except (EOFError, zlib.error):
            yield _cut_off(path, read)


def _cut_off(path: Path, read: int) -> Record:
    reason = f"the file is cut off or damaged after {read} records: copy it again"
    return f"{path.name}:end", UnreadableRecordError("truncated_file", reason)


def _lines(stream: IO[bytes] | gzip.GzipFile, name: str) -> Iterator[Record]:
    number = 0
    while line := stream.readline(LONGEST_LINE + 1):
        number += 1
        place = f"{name}:{number}"
        if len(line) > LONGEST_LINE:
            yield place, _too_long(line)
            _skip_line(stream, line)
        elif stripped := line.removeprefix(b"\xef\xbb\xbf").strip():
            yield place, _parse_line(stripped)


def _too_long(line: bytes) -> UnreadableRecordError:
    reason = f"longer than {LONGEST_LINE:,} bytes: is it one record a line?"
    return UnreadableRecordError("line_too_long", reason, line)


def _skip_line(stream: IO[bytes] | gzip.GzipFile, line: bytes) -> None:
    while line and not line.endswith(b"\n"):
        line = stream.readline(LONGEST_LINE)


def _parse_line(line: bytes) -> dict[str, Any] | RefusedError:
    try:
        return _as_record(json.loads(line.decode()))
    except UnicodeDecodeError as error:
        reason = f"byte {error.start} is not UTF-8: export it as UTF-8"
        return UnreadableRecordError("not_utf8", reason, line)
    except json.JSONDecodeError as error:
        reason = f"not JSON at character {error.pos} ({error.msg})"
        return UnreadableRecordError("bad_json", reason, line)
    except (ValueError, RecursionError):
        reason = "JSON with a number too long or lists nested too deep"
        return UnreadableRecordError("bad_json", reason, line)


def _as_record(value: Any) -> dict[str, Any] | RefusedError:
    if isinstance(value, dict):
        return value
    return UnreadableRecordError("not_an_object", f"a {type(value).__name__}, not a JSON object")


def _read_json(path: Path) -> Iterator[Record]:
    if path.stat().st_size > LARGEST_JSON:
        raise SourceFileError(
            f"{path.name}: too large to be read whole; make it JSON Lines: jq -c '.[]' {path.name}"
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
        value = json.loads(text) if text.strip() else []
    except UnicodeDecodeError as error:
        raise SourceFileError(f"{path.name}: byte {error.start} is not UTF-8") from error
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":
            raise SourceFileError(
                f"{path.name}: not JSON at line {error.lineno}, column {error.colno} ({error.msg})"
            ) from error
        yield from _read_lines(path)  # JSON Lines under another name
        return
    except (ValueError, RecursionError) as error:
        raise SourceFileError(f"{path.name}: a number too long or lists nested too deep") from error
    if isinstance(value, dict) and isinstance(value.get("data"), list):
        value = value["data"]  # a page of a listing API
    for number, item in enumerate(value if isinstance(value, list) else [value], 1):
        yield f"{path.name}:{number}", _as_record(item)


def _read_parquet(path: Path) -> Iterator[Record]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            batches = file.iter_batches(batch_size=BATCH_ROWS)
            rows = (row for batch in batches for row in batch.to_pylist())
            yield from _rows(path.name, file.schema_arrow.names, enumerate(rows, 1))
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise SourceFileError(
            f"{path.name}: not a whole Parquet file (cut off, or damaged): copy or export it again"
        ) from error


def _read_csv(path: Path) -> Iterator[Record]:
    csv.field_size_limit(LONGEST_LINE)
    # Bytes that are not UTF-8 become lone surrogates, so that only their row is refused.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
        reader = csv.reader(stream)
        header = next(reader, None)
        if header is None:
            return
        yield from _rows(path.name, header, _csv_rows(reader, header))


def csv_rows(reader: Any) -> Iterator[tuple[int, list[str] | csv.Error]]:
    """Rows of a ``csv.reader`` with the lines they begin on; its error for one it cannot read."""
    while True:
        start = reader.line_num + 1
        try:
            yield start, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield start, error


def _csv_rows(
    reader: Any, header: list[str]
) -> Iterator[tuple[int, dict[str, Any] | RefusedError]]:
    for start, cells in csv_rows(reader):
        if isinstance(cells, csv.Error):
            yield start, UnreadableRecordError("bad_csv", f"{cells}: is a quote left open?")
        elif not cells:
            continue
        elif not _is_text(cells):
            reason = "has bytes that are not UTF-8: export it as UTF-8"
            yield start, UnreadableRecordError("not_utf8", reason)
        elif len(cells) != len(header):
            reason = f"{len(cells)} cells under {len(header)} columns"
            yield start, UnreadableRecordError("bad_csv", reason)
        else:
            yield start, {name: cell for name, cell in zip(header, cells, strict=True) if cell}


def _is_text(cells: Iterable[str]) -> bool:
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:
        return False
    return True


def _rows(
    name: str, columns: Iterable[str], rows: Iterable[tuple[int, dict[str, Any] | RefusedError]]
) -> Iterator[Record]:
    """Rows as records; rows of single messages are gathered into conversations."""
    present = set(columns)
    if present.intersection(LIST_FIELDS):
        yield from ((f"{name}:{number}", row) for number, row in rows)
    elif present.issuperset(_MESSAGE_COLUMNS):
        yield from _gathered(name, rows)
    else:
        raise SourceFileError(
            f"{name}: needs a column messages (JSON), or the columns {', '.join(_MESSAGE_COLUMNS)}"
        )


def _gathered(
    name: str, rows: Iterable[tuple[int, dict[str, Any] | RefusedError]]
) -> Iterator[Record]:
    """Conversations of a file with one message a row, held together: rows may be scattered."""
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for number, row in rows:
        place = f"{name}:{number}"
        identifier = None if isinstance(row, RefusedError) else row.get("conversation_id")
        if isinstance(row, RefusedError):
            yield place, row
        elif identifier is None:
            reason = "a message without conversation_id belongs to no conversation"
            yield place, UnreadableRecordError("missing_id", reason)
        else:
            _, record = found.setdefault(str(identifier), (place, {"messages": []}))
            _add_message(record, row)
    yield from found.values()


def _add_message(record: dict[str, Any], row: Mapping[str, Any]) -> None:
    record["messages"].append({field: row[field] for field in _MESSAGE_FIELDS if field in row})
    shared = {field: value for field, value in row.items() if field not in _MESSAGE_FIELDS[1:]}
    for field, value in shared.items():
        record.setdefault(field, value)


_READERS: dict[str, Callable[[Path], Iterator[Record]]] = {
    ".jsonl": _read_lines,
    ".jsonl.gz": _read_compressed,
    ".json": _read_json,
    ".parquet": _read_parquet,
    ".csv": _read_csv,
}
