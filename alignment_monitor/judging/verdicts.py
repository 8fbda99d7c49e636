"""Answers become rows of ``verdicts``: one for each question, or one that says why not."""

import json
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from alignment_monitor.judging.answer import answer_rows, read_shape
from alignment_monitor.judging.backends import fingerprint
from alignment_monitor.judging.decision_rows import decision_rows
from alignment_monitor.judging.journal import Answer, Key
from alignment_monitor.judging.money import unit_cost
from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.judging.window import Unit
from alignment_monitor.settings import Judge, Judging


def verdict_rows(
    day: date,
    units: Iterable[Unit],
    answers: Mapping[Key, Answer],
    judge: Judge,
    rubric: Rubric,
    judging: Judging,
) -> list[dict[str, Any]]:
    """All rows of a day for one judge, without latency so that a repeat is identical."""
    rows: list[dict[str, Any]] = []
    for unit in units:
        answer = answers[unit.key]
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
            "cost_usd": unit_cost(judge, answer),
        }
        if answer.status == "ok" and answer.text is not None:
            given = _given(judge, answer.text, rubric, unit.message_index)
            given[0].update(call)
        else:
            given = [{"question": "stance", "kind": "stance", "evidence": [], **call}]
        rows += [{**common, **row} for row in given]
    return rows


def _given(judge: Judge, text: str, rubric: Rubric, message_index: int) -> list[dict[str, Any]]:
    if judge.backend == "decisions":
        return decision_rows(json.loads(text), rubric, message_index)
    return answer_rows(read_shape(text, rubric), rubric, message_index)
