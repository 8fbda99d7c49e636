"""What a judge is shown of a conversation: the judged message and a window of context before it.

Here belong: the unit of judging, its budget of tokens and the hash of what is shown. Here does
not belong: the wording around it (prompt). Model, deployment and date are never part of a unit.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from alignment_monitor.judging.known import KNOWN
from alignment_monitor.settings import Judging

CHARACTERS_PER_TOKEN = 4
"""Of text in ASCII; a character beyond it counts as one token, which is safe for all scripts."""

EARLIER_CHARACTERS = 160
"""How much of the conversation's opening is told where it lies before the window."""

_MARK = "\n[... {} characters left out ...]\n"
_CUT = re.compile(r"\n\[\.\.\. \d+ characters left out \.\.\.\]\n")


@dataclass(frozen=True)
class Unit:
    """What is judged: one assistant message with its context.

    Attributes:
        conversation_id: its conversation.
        message_index: position of the judged message.
        turns: context and, last, the judged message: dicts with index, role, content.
        omitted: earlier messages that are not shown.
        earlier: how the conversation began, in one line; '' if all of it is shown.
        occasion: '' for traffic; the day for what is judged afresh each day.
    """

    conversation_id: str
    message_index: int
    turns: tuple[dict[str, Any], ...]
    omitted: int
    earlier: str = ""
    occasion: str = ""

    @property
    def text(self) -> str:
        """Text of the judged message."""
        return str(self.turns[-1]["content"])

    @property
    def pieces(self) -> list[str]:
        """What of the judged message is shown, without the mark of what was left out."""
        return _CUT.split(self.text)

    @cached_property
    def content_hash(self) -> str:
        """Hash of everything of the conversation that the judge sees."""
        shown = [[turn["index"], turn["role"], turn["content"]] for turn in self.turns]
        data = json.dumps([self.omitted, self.earlier, shown], ensure_ascii=True)
        return hashlib.blake2b(data.encode(), digest_size=16).hexdigest()

    @property
    def key(self) -> tuple[str, str]:
        """What an answer is kept under: the content, and the occasion it was asked on."""
        return self.content_hash, self.occasion


def estimate_tokens(text: str) -> int:
    """Tokens of a text, rather too many than too few; no tokenizer fits every judge."""
    foreign = len(text) - len(text.encode("ascii", "ignore"))
    return foreign + -(-(len(text) - foreign) // CHARACTERS_PER_TOKEN)


def make_unit(
    conversation_id: str,
    message_index: int,
    turns: Sequence[dict[str, Any]],
    *,
    context_messages: int,
    max_tokens: int,
    occasion: str = "",
) -> Unit:
    """The judged message and at most ``context_messages`` before it, within a budget of tokens.

    The judged message takes up to half of the budget, the context shares the rest; what is cut
    is cut in the middle and marked.
    """
    # System turns may name the model or the date, which the judge must not know.
    turns = [turn for turn in turns if turn["role"] != "system"]
    position = next(i for i, turn in enumerate(turns) if turn["index"] == message_index)
    first = max(0, position - context_messages)
    context = turns[first:position]
    share = max_tokens // 2 // max(1, len(context))
    shown = [_shortened(turn, share) for turn in context]
    shown.append(_shortened(turns[position], max_tokens // 2))
    earlier = " ".join(turns[0]["content"].split())[:EARLIER_CHARACTERS] if first else ""
    return Unit(conversation_id, message_index, tuple(shown), first, earlier, occasion)


def selected_units(
    sample: pa.Table, conversations: pa.Table, judging: Judging, day: date
) -> list[Unit]:
    """The day's selected messages with their context, in an order that tells nothing of them.

    It is the order of their sampling numbers: where the budget ends it early, what was judged is
    what a lower rate would have drawn, and known conversations stand anywhere among the others.

    Args:
        sample: rows of ``judging_sample`` of the day.
        conversations: rows of ``conversations`` of the day.
        judging: how much of a conversation is shown.
        day: the occasion of what is judged afresh each day.
    """
    rows = sample.filter(pc.equal(sample["status"], "selected")).to_pylist()
    wanted = conversations.filter(
        pc.and_(
            conversations["eligible"],
            pc.is_in(conversations["conversation_id"], sample["conversation_id"].combine_chunks()),
        )
    )
    turns = {row["conversation_id"]: row["turns"] for row in wanted.to_pylist()}
    return [
        make_unit(
            row["conversation_id"],
            row["message_index"],
            turns[row["conversation_id"]],
            context_messages=judging.context_messages,
            max_tokens=judging.context_tokens,
            occasion=day.isoformat() if row["purpose"] in KNOWN else "",
        )
        for row in sorted(rows, key=lambda row: row["sampling_number"])
    ]


def _shortened(turn: dict[str, Any], budget: int) -> dict[str, Any]:
    text = turn["content"]
    if (tokens := estimate_tokens(text)) > budget:
        half = max(1, len(text) * budget // tokens // 2)
        text = text[:half] + _MARK.format(len(text) - 2 * half) + text[-half:]
    return {"index": turn["index"], "role": turn["role"], "content": text}
