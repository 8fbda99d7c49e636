"""The answers of an audit beside the labels, as the audit card wants them.

Here belong: the tables, and the way from answers to their rows. Here does not belong: what is asked
(audit), or what the tables say of the judge (audit_card).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd
from sqlalchemy import Engine, select

from alignment_monitor.judging.answer import QUOTE_PROBLEM
from alignment_monitor.judging.audit.card import Card, audit
from alignment_monitor.judging.audit.plan import USER_SIDE, Plan, of_user_side, parts_of
from alignment_monitor.judging.backends import judge_key
from alignment_monitor.judging.journal import Answer, Key
from alignment_monitor.judging.known import ATTACK, TWIN
from alignment_monitor.judging.money import unit_cost
from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.judging.verdicts import verdict_rows
from alignment_monitor.judging.window import Unit
from alignment_monitor.settings import Acceptance, Judge, Judging
from alignment_monitor.store.schema import verdict_journal


@dataclass(frozen=True)
class Tables:
    """What came out, as ``audit_card.audit`` wants it, and what the report tells beside it.

    Attributes:
        judgements: a row for each reference answer and repeat.
        canaries: a row for each pair; None if none was asked about.
        user_side: opportunity flags with the reply in sight and without; None if not asked.
        calls: a row for each call.
        models: as the server named them.
        problems: why answers are missing, and how often.
    """

    judgements: pd.DataFrame
    canaries: pd.DataFrame | None
    user_side: pd.DataFrame | None
    calls: pd.DataFrame
    models: tuple[str, ...]
    problems: Counter[str]

    def card(self, rubric: Rubric, thresholds: Acceptance) -> Card:
        """The audit card."""
        return audit(
            self.judgements,
            headline=rubric.headline,
            canaries=self.canaries,
            user_side=self.user_side,
            calls=self.calls,
            thresholds=thresholds,
        )


def tables(
    plan: Plan,
    answers: Mapping[Key, Answer],
    judge: Judge,
    rubric: Rubric,
    judging: Judging,
    store: Engine,
) -> Tables:
    """Lay answers and labels side by side."""
    parts = parts_of(plan, judging)

    def given(part: str) -> list["_Given"]:
        return [
            _Given(answers[unit.key], _rows(plan.day, unit, answers, judge, rubric, judging))
            for unit in parts[part]
        ]

    repeats = [given(str(number)) for number in range(plan.repeats)]
    judged = [
        row
        for number, found in enumerate(repeats)
        for row in _judgements(plan, rubric, number, found)
    ]
    return Tables(
        judgements=pd.DataFrame(judged),
        canaries=_canaries(plan, given(ATTACK), given(TWIN)) if plan.canaries else None,
        user_side=_user_side(plan, repeats[0], given(USER_SIDE)) if plan.user_side else None,
        calls=_calls(plan, answers, judge, rubric, judging, store),
        models=tuple(sorted({a.model for a in answers.values() if a.model})),
        problems=Counter(a.error or a.status for a in answers.values() if a.status != "ok"),
    )


@dataclass(frozen=True)
class _Given:
    """An answer, and its rows by question."""

    answer: Answer
    rows: dict[str, dict[str, Any]]

    def of(self, question: str) -> dict[str, Any]:
        """The row of a question; without one the status of the answer is all there is."""
        if self.answer.status != "ok":
            return {"status": self.answer.status}
        return self.rows.get(question, {"status": "invalid"})


def _rows(
    day: date,
    unit: Unit,
    answers: Mapping[Key, Answer],
    judge: Judge,
    rubric: Rubric,
    judging: Judging,
) -> dict[str, dict[str, Any]]:
    rows = verdict_rows(day, [unit], answers, judge, rubric, judging)
    return {row["question"]: row for row in rows}


def _judgements(
    plan: Plan, rubric: Rubric, repeat: int, given: Sequence[_Given]
) -> Iterator[dict[str, Any]]:
    for reference, found in zip(plan.references, given, strict=True):
        common = {
            "item_id": reference.item_id,
            "message_index": reference.message_index,
            "repeat": repeat,
            "words": len(reference.text.split()),
            "source": reference.source,
            "invalid_quote": (found.answer.error or "").endswith(QUOTE_PROBLEM),
        }
        for row in reference.rows(rubric):
            verdict = found.of(row["question"])
            yield {
                **common,
                **row,
                "status": verdict["status"],
                "judge_applicable": verdict.get("applicable"),
                "judge_level": verdict.get("level"),
                "judge_positive": verdict.get("positive"),
                "judge_probability": verdict.get("probability"),
                "quote": " ... ".join(part["quote"] for part in verdict.get("evidence") or ()),
                "rationale": found.of("stance").get("rationale"),
            }


def _canaries(plan: Plan, attacks: Sequence[_Given], twins: Sequence[_Given]) -> pd.DataFrame:
    rows = []
    for canary, attack, twin in zip(plan.canaries, attacks, twins, strict=True):
        row: dict[str, Any] = {
            "name": canary.name,
            "kind": canary.kind,
            "target": canary.target,
            "pushes": canary.pushes,
        }
        for side, found in (("canary", attack), ("twin", twin)):
            verdict = found.of(canary.target)
            row |= {f"{side}_status": verdict["status"], f"{side}_level": verdict.get("level")}
        rows.append(row)
    return pd.DataFrame(rows)


def _user_side(plan: Plan, seen: Sequence[_Given], withheld: Sequence[_Given]) -> pd.DataFrame:
    rows = []
    for reference, whole, half in zip(of_user_side(plan), seen, withheld, strict=False):
        flags = [name for name, row in whole.rows.items() if row.get("kind") == "opportunity"]
        for flag in flags:
            both = whole.of(flag), half.of(flag)
            if all(verdict["status"] == "ok" for verdict in both):
                rows.append(
                    {
                        "item_id": reference.item_id,
                        "message_index": reference.message_index,
                        "question": flag,
                        "with_reply": both[0]["positive"],
                        "user_side_only": both[1]["positive"],
                    }
                )
    columns = ["item_id", "message_index", "question", "with_reply", "user_side_only"]
    return pd.DataFrame(rows, columns=columns)


def _calls(
    plan: Plan,
    answers: Mapping[Key, Answer],
    judge: Judge,
    rubric: Rubric,
    judging: Judging,
    store: Engine,
) -> pd.DataFrame:
    latencies = _latencies(plan, judge, rubric, judging, store)
    return pd.DataFrame(
        [
            {
                "status": answer.status,
                "cost_usd": unit_cost(judge, answer),
                "latency_seconds": latencies.get(key),
                "prompt_tokens": answer.prompt_tokens,
                "completion_tokens": answer.completion_tokens,
            }
            for key, answer in answers.items()
        ]
    )


def _latencies(
    plan: Plan, judge: Judge, rubric: Rubric, judging: Judging, store: Engine
) -> dict[Key, float]:
    """Seconds of every call of the audit, as the journal has them."""
    table = verdict_journal
    query = select(table.c.unit_hash, table.c.occasion, table.c.latency_seconds).where(
        table.c.judge_key == judge_key(judge, rubric, judging),
        table.c.rubric_version == rubric.full_version,
        table.c.occasion.startswith(f"audit:{plan.run}:", autoescape=True),
    )
    with store.connect() as connection:
        return {(row[0], row[1]): row[2] for row in connection.execute(query)}
