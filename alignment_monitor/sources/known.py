"""Sentinels and canaries as a source: ordinary conversations, mixed among the day's traffic.

Here belongs: handing the day's known conversations to the intake, where redaction and every rule
treat them as any others. Which they are and what is true of them belongs to ``judging.known``.
"""

from datetime import UTC, date, datetime, time, timedelta

import pyarrow as pa

from alignment_monitor.contracts import RECEIVED
from alignment_monitor.judging.known import LABELLED_FOR, SENTINEL, KnownConversation, of_day
from alignment_monitor.settings import Settings
from alignment_monitor.sources.base import RawConversation, RawMessage

NOON = time(12)


class KnownSource:
    """The known conversations of each day; two sources by name, ``sentinel`` and ``canary``."""

    def __init__(self, settings: Settings) -> None:
        self.name = SENTINEL
        self._settings = settings

    def read(self, day: date) -> pa.Table:
        """All known conversations of a UTC day."""
        from alignment_monitor.sources.normalise import receive

        judging = self._settings.judging
        if judging.rubric != LABELLED_FOR:
            return RECEIVED.empty()
        chosen = of_day(
            day,
            sentinels=judging.sentinels_per_day,
            canaries=judging.canaries_per_day,
            key=self._settings.random_key,
        )
        return RECEIVED.table(
            [
                receive(
                    _raw(known, day),
                    source=_kind(known),
                    location=known.dated(day),
                    settings=self._settings,
                    now=datetime.combine(day, time(), UTC) + timedelta(days=1),
                )
                for known in chosen
            ]
        )


def _kind(known: KnownConversation) -> str:
    return known.conversation_id.partition(":")[0]


def _raw(known: KnownConversation, day: date) -> RawConversation:
    began = datetime.combine(day, NOON, UTC)
    messages = [
        RawMessage(role, text, began + timedelta(minutes=number))
        for number, (role, text) in enumerate(known.turns)
    ]
    return RawConversation(
        conversation_id=known.dated(day),
        messages=messages,
        deployment=_kind(known),
        deployment_family=_kind(known),
        user_id=known.conversation_id,
        started_at=began,
        ended_at=messages[-1].created_at,
    )
