"""One record becomes one row of ``received``: cleaned, redacted, hashed, or refused by a rule.

Here belongs: every rule that a single record can break, by name. What only shows beside other
records (repeats, conflicts) belongs to ``intake``.
"""

import hashlib
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from alignment_monitor.privacy.redaction import redact
from alignment_monitor.privacy.users import user_key
from alignment_monitor.settings import Settings
from alignment_monitor.sources.base import RawConversation, RawMessage, RefusedError

CLOCK_SKEW = timedelta(hours=1)
"""How far ahead of ours the clock of a source may be."""
LONGEST_EXCERPT = 200
LONGEST_NAME = 500
MOST_SEGMENTS = 64

_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "ai": "assistant",
    "chatgpt": "assistant",
    "tool": "tool",
    "function": "tool",
    "function_call": "tool",
    "observation": "tool",
}
_USER_FIELD = re.compile(
    r"""((?:user|user_id|hashed_ip)\\*"\s*:\s*)   # in JSON, or in JSON text inside JSON
    (?:\{[^}]*\}? | \\*"[^"\\]*\\*"? | [^\s,}"\\]+)""",
    re.VERBOSE,
)
_VERSION = re.compile(r"(?:[-_@. :/]v?\d+)+$", re.IGNORECASE)
_UNWRITABLE = re.compile("[\x00\ud800-\udfff]")


def receive(
    raw: RawConversation | RefusedError,
    *,
    source: str,
    location: str,
    settings: Settings,
    now: datetime,
    excerpt: str | None = None,
    file_hash: str = "",
) -> dict[str, Any]:
    """Make the row of a record, understood or refused.

    Args:
        raw: the record, or why it could not be read.
        source: name of the source.
        location: where in the source it stands.
        settings: limits, families and the key of the user hash.
        now: time of arrival.
        excerpt: start of the raw record, kept redacted if the record is refused.
        file_hash: tells files of the same name apart.
    """
    row: dict[str, Any] = {
        "receipt_id": _hash(source, file_hash, location),
        # Without a time of its own: the last day that is over, so that a run can take it up.
        "day": now.astimezone(UTC).date() - timedelta(days=1),
        "source": source,
        "location": location,
    }
    try:
        if isinstance(raw, RefusedError):
            raise raw
        row["conversation_id"] = clean(raw.conversation_id)[:LONGEST_NAME] or None
        ended_at = _end(raw, now)
        if ended_at:
            row["day"] = ended_at.date()
        return row | _understood(raw, ended_at, settings)
    except RefusedError as refusal:
        row |= {"rule": refusal.rule, "reason": clean(refusal.reason)}
        return row | {"excerpt": _excerpt(excerpt) if excerpt else None}


def clean(text: str) -> str:
    """The text, with what no file can hold (lone surrogates, NUL) marked as U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return _UNWRITABLE.sub("\ufffd", text)
    return text.replace("\x00", "\ufffd") if "\x00" in text else text


def family_of(deployment: str, families: dict[str, str]) -> str:
    """The line a deployment belongs to: as set, else its name without trailing dates, versions.

    ``gpt-x-2025-04-25`` is of ``gpt-x``, ``aurora-1.2+prompt-7`` of ``aurora``; a version inside
    a name (``claude-3.5-sonnet``) stays.
    """
    if deployment in families:
        return families[deployment]
    return _VERSION.sub("", deployment.partition("+")[0]) or deployment


def _understood(
    raw: RawConversation, ended_at: datetime | None, settings: Settings
) -> dict[str, Any]:
    turns, redactions = _turns(raw.messages, settings)
    if not raw.deployment:
        raise RefusedError(
            "missing_deployment", "names no deployment or model: import it with --deployment NAME"
        )
    if ended_at is None:
        raise RefusedError(
            "missing_time", "has no time that can be read: add ended_at, or import with --replay"
        )
    if max(map(len, (raw.conversation_id, raw.deployment, raw.user_id or ""))) > LONGEST_NAME:
        raise RefusedError(
            "name_too_long", f"an identifier or deployment of more than {LONGEST_NAME} characters"
        )
    started_at = min(_utc(raw.started_at or ended_at), ended_at)
    deployment = clean(raw.deployment)
    content_hash = _content_hash(deployment, turns)
    user = clean(raw.user_id) if raw.user_id else None
    # Without an identifier, equal texts of different users or times are different conversations.
    identifier = clean(raw.conversation_id) or (
        f"content-{_hash(content_hash, user or '', ended_at.isoformat())}"
    )
    return {
        "conversation_id": identifier,
        "started_at": started_at,
        "ended_at": ended_at,
        "deployment": deployment,
        "deployment_family": clean(raw.deployment_family or "")
        or family_of(deployment, settings.intake.deployment_families),
        "user_key": user_key(settings.user_key_secret, user or f"conversation:{identifier}"),
        "segments": _segments(raw.segments),
        "turns": turns,
        "feedback": raw.feedback,
        "redactions": redactions,
        "content_hash": content_hash,
    }


def _end(raw: RawConversation, now: datetime) -> datetime | None:
    """When it ended, in UTC; None if unknown."""
    ended_at = raw.ended_at or raw.started_at
    if ended_at is None:
        return None
    ended_at = _utc(ended_at)
    if ended_at > now + CLOCK_SKEW:
        raise RefusedError(
            "future_time",
            f"ended on {ended_at:%Y-%m-%d %H:%M} UTC, which is to come: mend the clock or the unit",
        )
    return ended_at


def _turns(messages: list[RawMessage], settings: Settings) -> tuple[list[dict[str, Any]], int]:
    limits = settings.intake
    if not messages:
        raise RefusedError("no_messages", "its list of messages is empty")
    if len(messages) > limits.max_turns:
        raise RefusedError(
            "too_many_turns",
            f"{len(messages):,} messages, more than intake.max_turns = {limits.max_turns:,}",
        )
    turns, redactions = [], 0
    for index, message in enumerate(messages):
        role = _ROLES.get(message.role.strip().lower())
        if role is None:
            known = ", ".join(sorted(set(_ROLES.values())))
            raise RefusedError("unknown_role", f"message {index + 1} is by none of {known}")
        if len(message.content) > limits.max_message_characters:
            raise RefusedError(
                "message_too_long",
                f"message {index + 1} has {len(message.content):,} characters, more than "
                f"intake.max_message_characters = {limits.max_message_characters:,}",
            )
        content = clean(message.content)
        if limits.redact:
            content, found = redact(content)
            redactions += found
        created_at = _utc(message.created_at) if message.created_at else None
        turns.append({"index": index, "role": role, "content": content, "created_at": created_at})
    return turns, redactions


def _segments(segments: dict[str, str]) -> list[tuple[str, str]]:
    named = sorted(segments.items())[:MOST_SEGMENTS]
    return [(clean(name), redact(clean(value))[0]) for name, value in named]


def _utc(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _excerpt(text: str) -> str:
    """The first characters, redacted; nothing that a cut may have made unrecognisable."""
    start = text[: 5 * LONGEST_EXCERPT]
    if len(start) < len(text):
        start = start.rpartition(" ")[0]
    start = _USER_FIELD.sub(r'\1"[USER]"', clean(start))
    return redact(start)[0][:LONGEST_EXCERPT]


def _content_hash(deployment: str, turns: Iterable[dict[str, Any]]) -> str:
    return _hash(deployment, *(part for turn in turns for part in (turn["role"], turn["content"])))


def _hash(*parts: str) -> str:
    """Equal parts, equal hash; the length of each is hashed too, so that none runs into another."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = part.encode()
        digest.update(b"%d:" % len(data))
        digest.update(data)
    return digest.hexdigest()
