"""Undated conversations are given days, in the order in which their deployments served.

Here belongs: making up times, evenly and always the same ones. The days are made up; what they
show is the order of deployments, nothing else.
"""

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from alignment_monitor.sources.base import RawConversation

BETWEEN_MESSAGES = timedelta(seconds=30)

_DAY = timedelta(days=1)


class UnknownDeploymentError(ValueError):
    """The order names a deployment that no conversation has."""


@dataclass(frozen=True)
class _Block:
    """The days of one deployment, and the order of its conversations in them."""

    first_day: date
    days: int
    ranks: Sequence[int]


@dataclass(frozen=True)
class Replay:
    """Gives a time to each undated conversation that it was planned with."""

    blocks: dict[str, _Block]

    def dated(self, conversation: RawConversation) -> RawConversation:
        """The conversation with times; as it is if it has some, or has no deployment."""
        block = self.blocks.get(conversation.deployment or "")
        if block is None or not is_undated(conversation):
            return conversation
        place = bisect_left(block.ranks, _rank(conversation)) * block.days / len(block.ranks)
        last = max(len(conversation.messages) - 1, 0)
        step = min(BETWEEN_MESSAGES, (_DAY - timedelta(hours=1)) / max(last, 1))
        midnight = datetime.combine(block.first_day, time(), UTC) + timedelta(days=int(place))
        start = midnight + (place % 1) * (_DAY - last * step)
        messages = [
            replace(message, created_at=start + index * step)
            for index, message in enumerate(conversation.messages)
        ]
        return replace(
            conversation, messages=messages, started_at=start, ended_at=start + last * step
        )


def is_undated(conversation: RawConversation) -> bool:
    """Whether neither the conversation nor a message of it has a time."""
    return conversation.started_at is None and conversation.ended_at is None


def plan_replay(
    conversations: Iterable[RawConversation],
    *,
    days: int,
    last_day: date,
    order: Sequence[str] | None = None,
) -> Replay:
    """Give each deployment a block of days, in order, so that the last one ends on the last day.

    Conversations are spread by a hash, not as they stand: files are sorted by topic, and days
    must not be.

    Args:
        conversations: all of them; only their hashes are kept.
        days: how many days they cover.
        last_day: the last of these.
        order: deployments in the order in which they served; the others follow as they appear.

    Raises:
        UnknownDeploymentError: the order names one that no undated conversation has.
    """
    ranks: dict[str, array[int]] = {}
    for conversation in conversations:
        if conversation.deployment and is_undated(conversation):
            ranks.setdefault(conversation.deployment, array("Q")).append(_rank(conversation))
    if unknown := [name for name in order or () if name not in ranks]:
        raise UnknownDeploymentError(
            f"no undated conversation of {', '.join(unknown)}; there are {', '.join(ranks)}"
        )
    served = list(dict.fromkeys([*(order or ()), *ranks]))
    first_day = last_day - timedelta(days=days - 1)
    blocks = {}
    for number, deployment in enumerate(served):
        start = number * days // len(served)
        end = (number + 1) * days // len(served)
        blocks[deployment] = _Block(
            first_day=first_day + timedelta(days=start),
            days=max(1, end - start),  # more deployments than days: some share one
            ranks=array("Q", sorted(ranks[deployment])),
        )
    return Replay(blocks)


def _rank(conversation: RawConversation) -> int:
    """Where among those of its deployment a conversation stands."""
    digest = hashlib.blake2b(conversation.conversation_id.encode("utf-8", "replace"), digest_size=8)
    if not conversation.conversation_id:
        for message in conversation.messages:
            digest.update(message.content.encode("utf-8", "replace"))
    return int.from_bytes(digest.digest())
