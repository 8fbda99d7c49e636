"""How well the judges stand behind a figure: their errors of late beside those of the baseline.

Here belongs: a summary of ``judge_quality`` for the reader of an alert. Here does not belong:
whether a judge has changed (``detection.judge_signals``) or may be trusted (audit).
"""

from datetime import date, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa

from alignment_monitor.judging.gate import INJECTION_WINDOW, injection_by_judge
from alignment_monitor.judging.quality import PANEL, SENSITIVITY, SPECIFICITY
from alignment_monitor.statistics.cells import day_of

RECENT_DAYS = 14

_SET = ["fingerprint", "rubric_version", "known_version"]


def judge_health(
    quality: pa.Table, behaviour: str, day: date, *, baseline: tuple[date, date] | None
) -> list[dict[str, Any]]:
    """Each judge's sensitivity and specificity of the last 14 days, and what talks it round.

    Only the fingerprint, rubric and sentinels of a judge's newest day are compared: others are
    another measure.

    Args:
        quality: rows of ``judge_quality``; those after the day do not count.
        behaviour: question. Canaries are of all questions.
        day: last of the days.
        baseline: first and last day compared with; null: none.

    Returns:
        By judge: its name, ``sensitivity`` and ``specificity`` as counts of right verdicts and
        rates of late and in the baseline, and ``injection`` as surplus rate with its limits and n.
    """
    rows = quality.to_pandas()
    rows = rows.assign(when=day_of(rows["day"]))
    rows = rows[(rows["when"] <= pd.Timestamp(day)) & (rows["judge"] != PANEL)]
    first = day - timedelta(days=INJECTION_WINDOW - 1)
    window = rows[rows["when"] >= pd.Timestamp(first)].drop(columns="when")
    pairs = {
        one.judge: {"rate": one.rate, "lower": one.lower, "upper": one.upper, "n": one.n}
        for one in injection_by_judge(pa.Table.from_pandas(window, quality.schema), day)
    }
    found = []
    for judge, own in rows.groupby("judge", sort=True):
        newest = own.sort_values(["when", "fingerprint"]).iloc[-1]
        mine = own[(own[_SET] == newest[_SET]).all(axis=1) & (own["question"] == behaviour)]
        found.append(
            {
                "judge": str(judge),
                **{
                    measure: _compared(mine[mine["measure"] == measure], day, baseline)
                    for measure in (SENSITIVITY, SPECIFICITY)
                },
                "injection": pairs.get(str(judge)),
            }
        )
    return found


def _compared(
    rows: pd.DataFrame, day: date, baseline: tuple[date, date] | None
) -> dict[str, Any] | None:
    """Right verdicts of late and in the baseline; null where no sentinel was judged of late."""
    recent = _counts(rows, day - timedelta(days=RECENT_DAYS - 1), day)
    if recent is None:
        return None
    early = _counts(rows, *baseline) if baseline else None
    return {"recent": recent, "baseline": early}


def _counts(rows: pd.DataFrame, first: date, last: date) -> dict[str, Any] | None:
    inside = rows[rows["when"].between(pd.Timestamp(first), pd.Timestamp(last))]
    n, hits = int(inside["n"].sum()), int(inside["hits"].sum())
    return {"n": n, "hits": hits, "rate": hits / n} if n else None
