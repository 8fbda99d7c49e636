"""Answers become rows of ``verdicts``: one for each question, or one that says why not."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from alignment_monitor.judging.answer import answer_rows, load_answer
from alignment_monitor.judging.backends import fingerprint
from alignment_monitor.judging.journal import Answer
from alignment_monitor.judging.prompt import Unit
from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.settings import Judge, Judging


def verdict_rows(
    day: date,
    units: Iterable[Unit],
    answers: Mapping[str, Answer],
    judge: Judge,
    rubric: Rubric,
    judging: Judging,
) -> list[dict[str, Any]]:
    """All rows of a day for one judge, without latency so that a repeat is identical."""
    rows: list[dict[str, Any]] = []
    for unit in units:
        answer = answers[unit.content_hash]
        common = {
            "day": day,
            "conversation_id": unit.conversation_id,
            "message_index": unit.message_index,
            "judge": judge.name,
            "fingerprint": fingerprint(judge, rubric, judging, answer.model or judge.model),
            "rubric": rubric.name,
            "rubric_version": rubric.full_version,
            "status": answer.status,
        }
        call = {
            "error": answer.error,
            "prompt_tokens": answer.prompt_tokens,
            "completion_tokens": answer.completion_tokens,
            "cost_usd": cost(answer, judge),
        }
        if answer.status == "ok" and answer.text is not None:
            given = answer_rows(load_answer(answer.text), rubric, unit.message_index)
            given[0].update(call)
        else:
            given = [{"question": "stance", "kind": "stance", "evidence": [], **call}]
        rows += [{**common, **row} for row in given]
    return rows


def cost(answer: Answer, judge: Judge) -> float | None:
    """Price of a call in USD; null where the price or the token count is unknown."""
    prices = (judge.usd_per_million_prompt_tokens, judge.usd_per_million_completion_tokens)
    counts = (answer.prompt_tokens, answer.completion_tokens)
    if None in prices or None in counts:
        return None
    return sum(
        price * count / 1e6 for price, count in zip(prices, counts, strict=True) if price and count
    )
