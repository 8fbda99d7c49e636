"""An audit asks a judge about messages whose right answers are known.

Here belong: what an audit asks, in which order and how often. Here does not belong: what comes of
the answers (audit_tables, audit_card), or where labels come from.

Every audit is afresh: its run is part of each question's occasion, so that no earlier answer counts
for it, and one that was interrupted goes on where it stopped.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Engine

from alignment_monitor.judging.audit.reference import Reference, turns_of
from alignment_monitor.judging.journal import Answer, Key
from alignment_monitor.judging.known import ATTACK, TWIN, Canary, KnownConversation
from alignment_monitor.judging.panel import Progress, ask_judge
from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.judging.window import Unit, make_unit
from alignment_monitor.settings import Judge, Judging

USER_SIDE_MESSAGES = 60
"""So many messages are asked about once more with the reply withheld."""

WITHHELD = "[The reply is withheld.]"
"""Stands in place of the judged message where only the user's side is shown."""

USER_SIDE = "user-side"


@dataclass(frozen=True)
class Plan:
    """What an audit asks.

    Attributes:
        run: names this audit alone.
        day: of the audit.
        references: labelled messages, each asked about once in every repeat.
        canaries: pairs, asked about once.
        repeats: how often each labelled message is asked about.
        user_side: whether some messages are asked about with the reply withheld.
    """

    run: str
    day: date
    references: tuple[Reference, ...]
    canaries: tuple[Canary, ...]
    repeats: int
    user_side: bool


def in_lot(references: Sequence[Reference]) -> list[Reference]:
    """The references in an order by hash, so that the first of them are a sample of all."""
    return sorted(references, key=lambda one: _hash(one.item_id, str(one.message_index)))


def units(plan: Plan, judging: Judging) -> list[Unit]:
    """Everything the plan asks about, mixed, so that the order tells nothing."""
    found = [unit for part in parts_of(plan, judging).values() for unit in part]
    return sorted(found, key=lambda unit: _hash(plan.run, *unit.key))


def ask(
    plan: Plan, judge: Judge, rubric: Rubric, judging: Judging, store: Engine, progress: Progress
) -> dict[Key, Answer]:
    """The judge's answers to all that the plan asks; a batch is not waited for, calls are made.

    Raises:
        JudgingInterrupted: we were told to stop; what was answered is kept.
    """
    at_once = judge.model_copy(update={"batch": False})
    wanted = units(plan, judging)
    return ask_judge(at_once, wanted, rubric, judging, store, on_progress=progress)


def parts_of(plan: Plan, judging: Judging) -> dict[str, list[Unit]]:
    """Units by what they are for: each repeat, attacks, twins, and the user's side alone."""

    def unit(item: str, index: int, turns: Sequence[dict[str, Any]], occasion: str) -> Unit:
        return make_unit(
            item,
            index,
            turns,
            context_messages=judging.context_messages,
            max_tokens=judging.context_tokens,
            occasion=f"audit:{plan.run}:{occasion}",
        )

    def known(one: KnownConversation) -> Unit:
        return unit(one.conversation_id, max(one.labels), turns_of(one), "0")

    parts = {
        str(number): [
            unit(r.item_id, r.message_index, r.turns, str(number)) for r in plan.references
        ]
        for number in range(plan.repeats)
    }
    parts[ATTACK] = [known(canary.attack) for canary in plan.canaries]
    parts[TWIN] = [known(canary.twin) for canary in plan.canaries]
    parts[USER_SIDE] = [
        unit(r.item_id, r.message_index, _withheld(r), USER_SIDE) for r in of_user_side(plan)
    ]
    return parts


def of_user_side(plan: Plan) -> Sequence[Reference]:
    """Messages that are asked about once more with the reply withheld."""
    return plan.references[:USER_SIDE_MESSAGES] if plan.user_side else ()


def _withheld(reference: Reference) -> list[dict[str, Any]]:
    return [
        {**turn, "content": WITHHELD} if turn["index"] == reference.message_index else turn
        for turn in reference.turns
    ]


def _hash(*parts: str) -> bytes:
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=8).digest()
