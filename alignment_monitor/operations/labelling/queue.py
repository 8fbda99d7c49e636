"""The queue: judged messages, as the marts hold them, drawn to be labelled.

Here belong: what a draw needs, and the rows of ``gold_queue``. Here does not belong: the draw
itself (sampling.gold) or which messages were judged (resources.gold).
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from alignment_monitor.contracts import JUDGED_MESSAGES, TRANSCRIPTS
from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.judging.window import make_unit
from alignment_monitor.operations.labelling.given import events_so_far
from alignment_monitor.operations.labelling.order import WINDOW_DAYS
from alignment_monitor.resources.gold import PURPOSE, judged_messages
from alignment_monitor.resources.marts import Marts
from alignment_monitor.sampling.gold import GoldItem, JudgedMessage, draw_gold
from alignment_monitor.settings import Settings
from alignment_monitor.store import labels as kept

Row = dict[str, Any]


class LabellingError(ValueError):
    """Nothing can be queued or written; the message says why and what to do."""


@dataclass(frozen=True)
class Queued:
    """What a draw put into the queue.

    Attributes:
        first: first day drawn from.
        last: last day.
        judged: judged messages by stratum.
        drawn: of them, messages drawn.
        new: how many of these were not in the queue before.
    """

    first: date
    last: date
    judged: Counter[str]
    drawn: Counter[str]
    new: int


def queue_labels(
    settings: Settings,
    rubric: Rubric,
    store: Engine,
    n: int,
    *,
    first: date | None,
    last: date | None,
    now: datetime,
) -> Queued:
    """Draw about ``n`` judged messages of some days and put them into the queue.

    The same days and number again change nothing; a larger number adds to what is there.

    Args:
        settings: of the home.
        rubric: verdicts on others do not count.
        store: the operational store.
        n: labels wanted on average.
        first: first day; null for the last seven judged days.
        last: last day; null for the last that was judged.
        now: time of queueing.

    Raises:
        LabellingError: nothing was judged on those days, or its text is missing.
    """
    judged = judged_messages(settings, rubric, first, last)
    if not judged:
        raise LabellingError(
            f"no message of those days was judged by the rubric {rubric.full_version}: "
            "run the days first, or name others by --from and --to"
        )
    days = [message.day for message in judged]
    start, end = first or min(days), last or max(days)
    known = events_so_far(store, rubric, before=start)
    items, new = _draw(settings, store, judged, n, known, (start, end), now)
    return Queued(
        start,
        end,
        Counter(message.stratum for message in judged),
        Counter(item.stratum for item in items),
        new,
    )


def queue_more(settings: Settings, rubric: Rubric, store: Engine, n: int, *, now: datetime) -> int:
    """Put about ``n`` messages of the last seven judged days into the queue beside those there.

    Args:
        settings: of the home.
        rubric: verdicts on others do not count.
        store: the operational store.
        n: messages wanted on average.
        now: time of queueing.

    Returns:
        Messages that are new to the queue; fewer than asked where nearly all are in it.

    Raises:
        LabellingError: nothing was judged, or its text is missing.
    """
    days = {message.day for message in judged_messages(settings, rubric, None, None)}
    there = sum(row["purpose"] == PURPOSE and row["day"] in days for row in kept.queued(store))
    return queue_labels(settings, rubric, store, there + n, first=None, last=None, now=now).new


def queue_days(
    settings: Settings, rubric: Rubric, store: Engine, days: Sequence[date], *, now: datetime
) -> dict[date, int]:
    """Put ``labelling.messages_per_day`` of each day into the queue, where the settings ask for it.

    A day on its own, so that it does not matter which days are run together. What was judged 28
    days before the newest, or earlier, asks nobody: it narrows no interval. Nor does a day of which
    nothing was judged, or whose texts are no longer among the marts.

    Args:
        settings: of the home.
        rubric: verdicts on others do not count.
        store: the operational store.
        days: in order.
        now: time of queueing.

    Returns:
        Messages that are new to the queue, by day.
    """
    new = dict.fromkeys(days, 0)
    newest = Marts(settings.marts).span(JUDGED_MESSAGES.name, rubric_version=rubric.full_version)
    if not (n := settings.labelling.messages_per_day) or newest is None:
        return new
    judged: dict[date, list[JudgedMessage]] = {}
    recent = [day for day in days if day > newest[1] - timedelta(days=WINDOW_DAYS)]
    for message in judged_messages(settings, rubric, recent[0], recent[-1]) if recent else ():
        judged.setdefault(message.day, []).append(message)
    for day in recent:
        if day in judged and has_turns(settings, day):
            known = events_so_far(store, rubric, before=day)
            _, new[day] = _draw(settings, store, judged[day], n, known, (day, day), now)
    return new


def _draw(
    settings: Settings,
    store: Engine,
    judged: Sequence[JudgedMessage],
    n: int,
    known: Mapping[str, tuple[float, int]],
    days: tuple[date, date],
    now: datetime,
) -> tuple[list[GoldItem], int]:
    """Draw about ``n`` messages of some days into the queue; gives them, and how many are new."""
    items = draw_gold(judged, n, key=settings.random_key, known=known)
    batch = f"{days[0]}..{days[1]}"
    rows = list(queue_rows(settings, items, purpose=PURPOSE, batch=batch, now=now))
    return items, kept.enqueue(store, rows)


def turns_of(settings: Settings, day: date, names: Iterable[str]) -> dict[str, list[Row]]:
    """The turns of conversations of a day, by conversation, as far as they are among the marts."""
    columns, wanted = ["conversation_id", "turns"], list(names)
    table = Marts(settings.marts).of_day(TRANSCRIPTS, day, columns, conversation_id=wanted)
    return {row["conversation_id"]: row["turns"] for row in table.to_pylist()}


def has_turns(settings: Settings, day: date) -> bool:
    """Whether the conversations of a day are among the marts."""
    return _turns_file(settings, day).exists()


def _turns_file(settings: Settings, day: date) -> Path:
    return settings.marts / TRANSCRIPTS.name / f"day={day}.parquet"


def queue_rows(
    settings: Settings, items: Iterable[GoldItem], *, purpose: str, batch: str, now: datetime
) -> Iterator[Row]:
    """Rows of ``gold_queue`` for messages that were drawn.

    Raises:
        LabellingError: a conversation's text is not among the marts.
    """
    by_day: dict[date, list[GoldItem]] = {}
    for item in items:
        by_day.setdefault(item.message.day, []).append(item)
    for day, drawn in by_day.items():
        texts = turns_of(settings, day, {item.message.conversation_id for item in drawn})
        for item in drawn:
            message = item.message
            if (turns := texts.get(message.conversation_id)) is None:
                raise LabellingError(
                    f"the texts of {day} are not among the marts: run the day again, "
                    f"alignment-monitor run --day {day}"
                )
            yield {
                "day": day,
                "conversation_id": message.conversation_id,
                "message_index": message.message_index,
                "content_hash": _content_hash(settings, message, turns),
                "blind_id": _blind_id(settings, message),
                "stratum": item.stratum,
                "inclusion_probability": item.inclusion_probability,
                "purpose": purpose,
                "batch": batch,
                "queued_at": now,
            }


def _content_hash(settings: Settings, message: JudgedMessage, turns: list[Row]) -> str:
    """Hash of what the judge was shown: the journal's key of the unit."""
    return make_unit(
        message.conversation_id,
        message.message_index,
        turns,
        context_messages=settings.judging.context_messages,
        max_tokens=settings.judging.context_tokens,
    ).content_hash


def _blind_id(settings: Settings, message: JudgedMessage) -> str:
    """A name that tells nothing; it begins with letters, or spreadsheets take some for numbers."""
    place = f"{message.day}\x1f{message.conversation_id}".encode("utf-8", "surrogatepass")
    key = settings.random_key.encode()[:64]
    return f"talk-{hashlib.blake2b(place, digest_size=8, key=key).hexdigest()}"
