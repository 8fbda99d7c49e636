"""Judged messages, their transcripts and verdicts, for marts of full scale."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa

from alignment_monitor.contracts import JUDGED_MESSAGES, TRANSCRIPTS, VERDICTS
from alignment_monitor.judging.rubric import load_rubric
from alignment_monitor.parquet import write_parquet
from alignment_monitor.resources.marts import Marts

RUBRIC = load_rubric()
WORDS = (
    *("the", "answer", "model", "user", "plan", "budget", "garden", "theory", "report", "because"),
    *("which", "should", "about", "never", "review", "letter", "engine", "travel", "doctor"),
    *("school", "number", "little", "reason", "market", "always", "window"),
)
FLAGS = [[], [], [], [], ["caving"], ["unwarranted_agreement"], ["unearned_praise", "caving"]]
BUCKETS = ("plain", "cued", "pushback", "vulnerable")
DETAILED = 3
"""Last days whose verdicts are written: a page opens one conversation at a time."""
SENTENCES = 400


def write_messages(
    marts: Marts,
    days: Sequence[date],
    messages: int,
    deployed: Mapping[str, Sequence[tuple[str, int, int]]],
    segments: Sequence[str],
) -> int:
    """Write a million messages or so, a conversation each, judged by one judge.

    Args:
        marts: where.
        days: of traffic.
        messages: in all.
        deployed: of each family, deployments with first and last day as numbers.
        segments: of the traffic.

    Returns:
        Rows of ``judged_messages``.
    """
    rng = np.random.default_rng(11)
    said = np.array([" ".join(rng.choice(WORDS, 40)) for _ in range(SENTENCES)], dtype=object)
    size, count = messages // len(days), 0
    numbered = list(enumerate(days))
    for _, of_month in groupby(numbered, lambda one: one[1].replace(day=1)):
        parts = []
        for number, day in of_month:
            table = _judged(rng, number, day, size, deployed, segments)
            parts.append(table)
            path = marts.folder / TRANSCRIPTS.name / f"day={day}.parquet"
            write_parquet(_talks(rng, table, day, said), path, row_group_size=512)
            if number >= len(days) - DETAILED:
                path = marts.folder / VERDICTS.name / f"day={day}.parquet"
                write_parquet(_verdicts(table), path, row_group_size=512)
        whole = pa.concat_tables(parts)
        marts.replace_month(JUDGED_MESSAGES, parts[0]["day"][0].as_py(), whole)
        count += whole.num_rows
    return count


def _judged(
    rng: np.random.Generator,
    number: int,
    day: date,
    size: int,
    deployed: Mapping[str, Sequence[tuple[str, int, int]]],
    segments: Sequence[str],
) -> pa.Table:
    serving = [
        (family, name)
        for family, names in deployed.items()
        for name, first, last in names
        if first <= number <= last
    ]
    served = rng.integers(0, len(serving), size)
    flags = rng.integers(0, len(FLAGS), size)
    status = np.where(rng.random(size) < 0.01, 1, 0)
    level = np.where(flags >= 4, 2 + (flags > 5), rng.integers(0, 2, size))
    columns: dict[str, Any] = {
        "day": pa.array([day] * size, pa.date32()),
        "conversation_id": [f"c-{number:04d}-{one:06d}-{one * 7919 % 65536:04x}"
                            for one in range(size)],
        "message_index": rng.integers(0, 3, size) * 2 + 1,
        "deployment_family": [serving[one][0] for one in served],
        "deployment": [serving[one][1] for one in served],
        "segment": [segments[one] for one in rng.integers(0, len(segments), size)],
        "bucket": [BUCKETS[one] for one in rng.integers(0, len(BUCKETS), size)],
        "stratum": ["stratum"] * size,
        "inclusion_probability": rng.choice([0.02, 0.1, 0.5], size),
        "judge": ["judge"] * size,
        "rubric_version": [RUBRIC.full_version] * size,
        "status": [("ok", "refused")[one] for one in status],
        "stance": rng.integers(-2, 3, size),
        "opportunities": [["claim"] if one % 2 else [] for one in served],
        "flagged": [FLAGS[one] for one in flags],
        "highest_level": level,
        "rationale": [f"The reply number {one} was weighed against what the user had said."
                      for one in range(size)],
    }  # fmt: skip
    arrays = [pa.array(columns[f.name], f.type) for f in JUDGED_MESSAGES.schema]
    return pa.table(arrays, schema=JUDGED_MESSAGES.schema)


def _talks(rng: np.random.Generator, judged: pa.Table, day: date, said: Any) -> pa.Table:
    """Six turns each, some 250 bytes a turn; one conversation in a thousand has a rare word."""
    size = judged.num_rows
    content = said[rng.integers(0, len(said), 6 * size)]
    content[:: 6 * 1000] = "a heliotrope stood in the window"
    begun = datetime.combine(day, time(9), tzinfo=None)
    fields = TRANSCRIPTS.schema.field("turns").type.value_type
    turns = pa.StructArray.from_arrays(
        [
            pa.array(np.tile(np.arange(6), size), pa.int32()),
            pa.array(np.tile(["user", "assistant"], 3 * size)),
            pa.array(content, pa.string()),
            pa.array(
                np.full(6 * size, np.datetime64(begun)).astype("datetime64[us]"),
                fields.field("created_at").type,
            ),
        ],
        fields=list(fields),
    )
    moment = pa.array([begun] * size, TRANSCRIPTS.schema.field("started_at").type)
    known = {name: judged[name] for name in TRANSCRIPTS.schema.names if name in judged.schema.names}
    lists = pa.ListArray.from_arrays(pa.array(np.arange(size + 1) * 6, pa.int32()), turns)
    known |= {
        "started_at": moment, "ended_at": moment, "turns": lists, "feedback": pa.nulls(size),
    }  # fmt: skip
    return TRANSCRIPTS.conform(pa.table(known))


def _verdicts(judged: pa.Table) -> pa.Table:
    blank = dict.fromkeys(VERDICTS.schema.names)
    names = ("day", "conversation_id", "message_index", "judge", "rubric_version", "status")
    rows = []
    for row in judged.to_pylist():
        shared = blank | {name: row[name] for name in names}
        shared |= {"fingerprint": "openai/gpt-judge/chat/7f3a", "rubric": RUBRIC.name}
        shared["evidence"] = []
        rows.append({**shared, "question": "stance", "kind": "stance", "level": 1,
                     "rationale": row["rationale"], "cost_usd": 0.001})  # fmt: skip
        rows += [
            {**shared, "question": name, "kind": "behaviour", "applicable": True,
             "level": 2 if name in row["flagged"] else 0, "positive": name in row["flagged"]}
            for name in RUBRIC.behaviours
        ]  # fmt: skip
    return VERDICTS.table(rows)
