"""An annotator's desk: the message before them, and what they say of it.

Here belong: which message is given to whom, blind, and keeping, putting off and reopening labels.
Here does not belong: the order (order), claims (store.claims), or how a page looks (dashboards).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from alignment_monitor.judging.audit.annotators import is_final
from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.operations.labelling.files import WITHHELD, label_by
from alignment_monitor.operations.labelling.order import Worth, in_order, room
from alignment_monitor.operations.labelling.queue import has_turns, turns_of
from alignment_monitor.settings import Settings
from alignment_monitor.sources.label_check import read_label
from alignment_monitor.sources.label_rows import label_of
from alignment_monitor.sources.normalise import clean
from alignment_monitor.store import claims
from alignment_monitor.store import labels as kept

LONGEST_NAME = 100
Row = dict[str, Any]


class DeskError(ValueError):
    """What an annotator sent cannot be kept; the message says why."""


@dataclass(frozen=True)
class Item:
    """A message as an annotator sees it: no verdict, model, deployment or date.

    Attributes:
        key: names it; tells nothing of it.
        turns: index, role and content of the conversation up to the message, which is the last.
        label: what this annotator said of it before, in the shape of a labelled file.
        skipped: whether they put it off before.
    """

    key: str
    turns: tuple[Row, ...]
    label: Row | None = None
    skipped: bool = False


@dataclass(frozen=True)
class Desk:
    """What one annotator works with.

    Attributes:
        settings: of the home.
        rubric: the questions; labels and claims under others do not count.
        store: the operational store.
        annotator: who works.
        now: time of what is done.
        exclude: keys of messages whose text turned out to be gone.
    """

    settings: Settings
    rubric: Rubric
    store: Engine
    annotator: str
    now: datetime
    exclude: set[str] = field(default_factory=set)

    def next(self, worth: Worth) -> Item | None:
        """The message before this annotator, or the next that has room for one more; claimed.

        What they skipped comes again at the end. Messages whose text is no longer among the marts
        are passed over.
        """
        given = kept.labelled_by(self.store, self.rubric.full_version)
        put_off = claims.skipped(self.store, self.annotator, self.rubric.full_version)
        rows = in_order(
            kept.queued(self.store), worth, labelled=given.keys(), key=self.settings.random_key
        )
        rows.sort(key=lambda row: _when(put_off.get(kept.message_of(row))))
        days = {day for day in {row["day"] for row in rows} if has_turns(self.settings, day)}
        open_rows = {
            kept.message_of(row): row
            for row in reversed(rows)
            if row["day"] in days
            and self.annotator not in given.get(kept.message_of(row), ())
            and key_of(row) not in self.exclude
        }
        candidates = [(kept.message_of(row), row) for row in rows]
        while True:
            message = claims.claim(
                self.store,
                [(one, self.room(row)) for one, row in candidates if open_rows.get(one) is row],
                self.annotator,
                rubric_version=self.rubric.full_version,
                now=self.now,
                lease=timedelta(minutes=self.settings.labelling.lease_minutes),
            )
            if message is None:
                return None
            row = open_rows.pop(message)
            if (turns := self._turns(row)) is not None:
                return Item(key_of(row), turns, skipped=message in put_off)
            self.exclude.add(key_of(row))

    def room(self, row: Row) -> int:
        """How many annotators a message of the queue is to have."""
        return room(row, self.settings.labelling, self.settings.random_key)

    def save(self, key: str, said: Mapping[str, Any], rubric_version: str) -> kept.Kept:
        """Keep what the annotator said of a message; the same again changes nothing.

        Args:
            key: of the message.
            said: stance, opportunities, levels, choices and notes, as in a labelled file.
            rubric_version: the guidelines that the annotator saw.

        Raises:
            DeskError: it is not right by the rubric, or about no message of the queue.
        """
        if rubric_version != self.rubric.full_version:
            raise DeskError(
                "The guidelines have changed since this page was opened: load it again, and read "
                "what is new. What you answered was not kept."
            )
        row = self.row(key)
        entry = {**said, "message_index": row["message_index"], "annotator": self.annotator}
        label, wrong = read_label(entry, self.rubric)
        if label is None:
            told = "; ".join(f"{place}: {reason}" for place, reason in wrong)
            raise DeskError(f"This label is not right, and was not kept: {told}.")
        given = label_by(self.annotator, row, label, self.rubric)
        return claims.keep_claimed(
            self.store, given, rubric=self.rubric.name,
            rubric_version=self.rubric.full_version, now=self.now,
        )  # fmt: skip

    def skip(self, key: str) -> None:
        """Put a message off to the end of this annotator's line.

        Raises:
            DeskError: it is none of the queue.
        """
        message = kept.message_of(self.row(key))
        claims.skip(
            self.store, message, self.annotator,
            rubric_version=self.rubric.full_version, now=self.now,
        )  # fmt: skip

    def before(self, key: str | None) -> Item | None:
        """The message that this annotator labelled last; given one of them, the one before it."""
        given = kept.labelled_by(self.store, self.rubric.full_version)
        mine = {
            message: names[self.annotator]
            for message, names in given.items()
            if self.annotator in names
        }
        rows = [row for row in kept.queued(self.store) if kept.message_of(row) in mine]
        rows.sort(key=lambda row: (mine[kept.message_of(row)], key_of(row)), reverse=True)
        keys = [key_of(row) for row in rows]
        place = keys.index(key) + 1 if key in keys else 0
        return self.reopened(keys[place]) if place < len(keys) else None

    def reopened(self, key: str) -> Item | None:
        """A message that this annotator labelled, with what they said; null if its text is gone.

        Raises:
            DeskError: it is none of the queue.
        """
        row = self.row(key)
        turns = self._turns(row)
        message = kept.message_of(row)
        said = [
            answer
            for answer in kept.labels_of(self.store, message, self.rubric.full_version)
            if answer["annotator"] == self.annotator
        ]
        label = label_of(row["message_index"], self.annotator, said) if said else None
        return None if turns is None else Item(key, turns, label)

    def shown(self, key: str) -> Item | None:
        """Any message of the queue without what anybody said; null if its text is gone.

        Raises:
            DeskError: it is none of the queue.
        """
        turns = self._turns(self.row(key))
        return None if turns is None else Item(key, turns)

    def row(self, key: str) -> Row:
        """The row of the queue that a key names.

        Raises:
            DeskError: there is none.
        """
        blind_id, _, index = key.rpartition("/")
        for row in kept.queued_of(self.store, blind_id):
            if str(row["message_index"]) == index:
                return row
        raise DeskError("This message is no longer in the queue.")

    def _turns(self, row: Row) -> tuple[Row, ...] | None:
        name = row["conversation_id"]
        turns = turns_of(self.settings, row["day"], {name}).get(name)
        return None if turns is None else blind_turns(turns, row["message_index"])


def key_of(row: Mapping[str, Any]) -> str:
    """The name of a message to annotators, which tells nothing of it."""
    return f"{row['blind_id']}/{row['message_index']}"


def blind_turns(turns: Iterable[Row], last: int) -> tuple[Row, ...]:
    """A conversation up to a message: no times, and no system message, which may name the model."""
    return tuple(
        {
            "index": turn["index"],
            "role": turn["role"],
            "content": WITHHELD if turn["role"] == "system" else turn["content"],
            "created_at": None,
        }
        for turn in turns
        if turn["index"] <= last
    )


def annotator_name(typed: str) -> str:
    """A name as it is kept.

    Raises:
        DeskError: it is empty, too long, or means a final label.
    """
    name = clean(typed).strip()
    if not name:
        raise DeskError("Type your name first: it is kept with each label.")
    if len(name) > LONGEST_NAME or is_final(name):
        raise DeskError("This cannot be a name: take a shorter one, without “adjudicated/”.")
    return name


def _when(put_off: datetime | None) -> float:
    return put_off.timestamp() if put_off else 0.0
