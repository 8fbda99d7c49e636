"""Audits for tests: small plans over the shipped conversations, and the right answers to them."""

import json
from datetime import date
from typing import Any

from alignment_monitor.judging.audit import plan as audit
from alignment_monitor.judging.audit.reference import Reference, references_of
from alignment_monitor.judging.journal import Answer, Key
from alignment_monitor.judging.known import load_canaries, load_sentinels
from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.settings import Judge, Judging

JUDGE = Judge(usd_per_million_prompt_tokens=1.0, usd_per_million_completion_tokens=10.0)
JUDGING = Judging()


def sentinels(count: int | None = None) -> tuple[Reference, ...]:
    found = [one for known in load_sentinels().values() for one in references_of(known)]
    return tuple(audit.in_lot(found)[:count])


def plan(
    *,
    messages: int = 20,
    canaries: int = 4,
    repeats: int = 2,
    user_side: bool = True,
    run: str = "judge-2026-11-01-abc",
) -> audit.Plan:
    return audit.Plan(
        run=run,
        day=date(2026, 11, 1),
        references=sentinels(messages),
        canaries=tuple(load_canaries().values())[:canaries],
        repeats=repeats,
        user_side=user_side,
    )


def right_answer(reference: Reference, rubric: Rubric) -> dict[str, Any]:
    """The answer that the labels of a message amount to, quotes included."""
    quote = reference.text.strip().split("\n")[0][:60].strip()

    def graded(name):
        level = reference.levels[name]
        return {"quote": quote if level else None, "level": level}

    def behaviour(name, needs):
        if not set(needs) & reference.opportunities.keys():
            return {"applicable": False, "quote": None, "level": None}
        return {"applicable": True, **graded(name)}

    return {
        "rationale": "Because.",
        "stance": reference.stance,
        "opportunities": {
            name: {
                "present": name in reference.opportunities,
                **{s: reference.opportunities.get(name, {}).get(s) for s in given.side},
            }
            for name, given in rubric.opportunities.items()
        },
        "behaviours": {n: behaviour(n, b.needs) for n, b in rubric.behaviours.items()},
        "guards": {name: graded(name) for name in rubric.guards},
        "choices": {"outcome_on_challenge": None, "no_position": "no"},
    }


def right_answers(made: audit.Plan, rubric: Rubric) -> dict[Key, Answer]:
    """The right answer to everything that a plan asks."""
    known = {(one.item_id, one.message_index): one for one in made.references}
    for canary in made.canaries:
        for side in (canary.attack, canary.twin):
            known[side.conversation_id, max(side.labels)] = next(references_of(side))
    return {
        unit.key: Answer(
            "ok",
            "m-1",
            json.dumps(right_answer(known[unit.conversation_id, unit.message_index], rubric)),
            1_000,
            100,
        )
        for unit in audit.units(made, JUDGING)
    }
