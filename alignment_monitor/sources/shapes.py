"""What conversations look like in files: each shape that people export, made one.

Here belongs: finding the messages and fields of one record by their usual names. Judging whether
the result is fit (a role nobody knows, no time, too long) belongs to ``normalise``.

Shapes: OpenAI messages (``messages``), stored chat completions (``messages`` and ``choices``, at
the top or under ``request`` and ``response``), ShareGPT (``conversations`` of from/value), and
WildChat or LMSYS (``conversation``). Lists may be lists, arrays, or JSON text in a column.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from alignment_monitor.sources.base import RawConversation, RawMessage, RefusedError

LIST_FIELDS = ("messages", "conversation", "conversations")
USER_FIELDS = ("user_id", "user", "hashed_ip")

_IDENTIFIERS = ("conversation_id", "id", "conversation_hash")
_DEPLOYMENTS = ("deployment", "model")
_STARTED = ("started_at", "created_at", "created", "create_time", "timestamp", "ended_at")
_ENDED = ("ended_at", "timestamp", "updated_at", "created_at", "created", "create_time")
_MESSAGE_TIMES = ("created_at", "timestamp", "created", "create_time")
_SEGMENTS = ("segments", "segment", "metadata")
_FLAT_SEGMENTS = ("surface", "locale", "language", "country")
_LONGEST_SEGMENT = 100

_THUMBS = {
    "up": ("up", "thumbs_up", "thumbsup", "positive", "like", "liked", "good", "true", "👍"),
    "down": ("down", "thumbs_down", "thumbsdown", "negative", "dislike", "bad", "false", "👎"),
}
_THUMB_OF = {word: thumb for thumb, words in _THUMBS.items() for word in words}
_EPOCH_UNITS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
"""From this value on, an epoch counts nano-, micro- or milliseconds."""
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""Anything before means that a time is missing: zero epochs, year one."""


def parse_record(record: Mapping[str, Any]) -> RawConversation:
    """Read one record of any known shape.

    Raises:
        RefusedError: it has no list of messages, or a message cannot be read.
    """
    request, response = _object(record, "request"), _object(record, "response")
    fields = {**request, **response, **record}
    messages = [_message(item, place) for place, item in enumerate(_items(fields), 1)]
    metadata = _segments(fields)
    user = _text(fields, USER_FIELDS) or _user_in(metadata)
    times = [message.created_at for message in messages if message.created_at]
    return RawConversation(
        conversation_id=_text(fields, _IDENTIFIERS) or "",
        messages=messages,
        deployment=_text(fields, _DEPLOYMENTS),
        deployment_family=_text(fields, ("deployment_family",)),
        user_id=user,
        segments=metadata,
        feedback=_feedback(fields.get("feedback")),
        started_at=min(times) if times else _time(fields, _STARTED),
        ended_at=max(times) if times else _time(fields, _ENDED),
    )


def read_time(value: Any) -> datetime | None:
    """A point in time from ISO text, an epoch in seconds to nanoseconds, or a date; else None."""
    if isinstance(value, str):
        value = _time_in(value.strip())
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        value = _epoch(value)
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if not isinstance(value, datetime):
        return None
    try:
        time = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        return None
    return time if time >= _EARLIEST else None


def _time_in(text: str) -> datetime | None:
    try:
        # Nine digits and more are an epoch, though ISO could read some as a date and an hour.
        is_epoch = len(text) >= 9 and text.replace(".", "", 1).isdecimal()
        return _epoch(float(text)) if is_epoch else datetime.fromisoformat(text)
    except ValueError:
        return None


def _epoch(value: float) -> datetime | None:
    if not 0 < value < 1e20:
        return None
    unit = next((unit for least, unit in _EPOCH_UNITS if value >= least), 1)
    return datetime.fromtimestamp(value / unit, UTC)


def _time(fields: Mapping[str, Any], names: Iterable[str]) -> datetime | None:
    return next((time for name in names if (time := read_time(fields.get(name)))), None)


def _object(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = record.get(name)
    return value if isinstance(value, Mapping) else {}


def _text(fields: Mapping[str, Any], names: Iterable[str]) -> str | None:
    """The first of these fields that says something, as text; an object counts by its id."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, Mapping):
            value = value.get("id")
        if isinstance(value, (str, int)) and (text := str(value).strip()):
            return text
    return None


def _items(fields: Mapping[str, Any]) -> list[Any]:
    name = next((name for name in LIST_FIELDS if fields.get(name) is not None), None)
    if name is None:
        raise RefusedError(
            "no_messages", f"has none of the fields {', '.join(LIST_FIELDS)}: rename the right one"
        )
    items = _listed(fields[name], name)
    return items + [_choice(choice) for choice in _listed(fields.get("choices", []), "choices")[:1]]


def _listed(value: Any, name: str) -> list[Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise RefusedError("bad_json", f"the text in {name} is not JSON") from None
    if hasattr(value, "tolist"):
        value = value.tolist()
    if not isinstance(value, (list, tuple)):
        raise RefusedError("no_messages", f"{name} holds a {type(value).__name__}, not a list")
    return list(value)


def _choice(choice: Any) -> Any:
    return choice.get("message") if isinstance(choice, Mapping) else choice


def _message(item: Any, place: int) -> RawMessage:
    if not isinstance(item, Mapping):
        raise RefusedError("unreadable_message", f"message {place} is a {type(item).__name__}")
    role = item.get("role", item.get("from"))
    if not isinstance(role, str):
        raise RefusedError("unreadable_message", f"message {place} has no role")
    content = _content(item.get("content", item.get("value")))
    if content is None:
        raise RefusedError("unreadable_message", f"message {place} has no text in its content")
    return RawMessage(role, content, _time(item, _MESSAGE_TIMES))


def _content(content: Any) -> str | None:
    """Text, or the text of parts; a part that is not text leaves its kind behind."""
    if content is None:
        return ""  # a message that only calls a tool
    if isinstance(content, str):
        return content
    if hasattr(content, "tolist"):
        content = content.tolist()
    if not isinstance(content, (list, tuple)):
        return None
    return "\n".join(map(_part, content))


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    text = part.get("text", part.get("refusal")) if isinstance(part, Mapping) else None
    if isinstance(text, str):
        return text
    kind = str(part.get("type", "")) if isinstance(part, Mapping) else ""
    return next((f"[{name}]" for name in ("image", "audio", "file") if name in kind), "[part]")


def _segments(fields: Mapping[str, Any]) -> dict[str, str]:
    """Named attributes that are plain values; nested ones are no segment of traffic."""
    named: dict[str, Any] = {name: fields.get(name) for name in _FLAT_SEGMENTS}
    for name in _SEGMENTS:
        value = fields.get(name)
        if isinstance(value, str):
            value = _parsed(value) or {name: value}
        if isinstance(value, Mapping):
            named |= value
    return {
        str(name): _plain(value)[:_LONGEST_SEGMENT]
        for name, value in named.items()
        if isinstance(value, (str, int, float)) and _plain(value)
    }


def _parsed(text: str) -> Mapping[str, Any] | None:
    """The object that a column holds as JSON text."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, Mapping) else None


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value).strip()


def _user_in(segments: dict[str, str]) -> str | None:
    """Who the user is, taken out of the segments, where it would stay readable."""
    found = [segments.pop(name) for name in USER_FIELDS if name in segments]
    return found[0] if found else None


def _feedback(value: Any) -> str | None:
    if isinstance(value, Mapping):
        value = next((value[name] for name in ("rating", "thumb", "value") if name in value), None)
    return _THUMB_OF.get(str(value).strip().lower())
