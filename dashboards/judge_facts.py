"""What the conclusions on judges rest on, read from the marts.

Here belong: gathering a judge's record, for the page of judges and for the Overview. Here does not
belong: any conclusion (trust.py).
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import limits
import marts
import record
import spending
import verdict
from facts import OPEN
from record import WINDOW, Score

from alignment_monitor.contracts import JUDGE_QUALITY
from alignment_monitor.judging.gate import injection_by_judge
from alignment_monitor.judging.quality import AC1, ALPHA
from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.settings import Acceptance

Rows = Sequence[Mapping[str, Any]]


def recorded(rubric: Rubric) -> tuple[date | None, Rows, Rows]:
    """The newest day on which a judge was asked, and what its record rests on: quality and costs.

    Costs are those of two windows; both are empty where no judge was ever asked.
    """
    spans = [marts.span(name) for name in ("judge_quality", "cost_daily")]
    if not any(spans):
        return None, [], []
    day = max(span[1] for span in spans if span)
    quality = marts.kept(
        ("telling", day),
        "judge_quality",
        lambda: record.telling(marts.home().select("judge_quality"), rubric.headline, day),
    )
    costs = marts.rows("cost_daily", first=day - timedelta(days=2 * WINDOW))
    return day, quality.to_pylist(), costs


def by_judge(day: date | None, quality: Rows, costs: Rows) -> dict[str, tuple[Rows, Rows]]:
    """Quality and costs of each judge that was asked lately, by name."""
    if day is None:
        return {}
    lately = day - timedelta(days=WINDOW)
    mine = [row for row in quality if row["measure"] not in (ALPHA, AC1)]
    names = sorted({row["judge"] for row in (*mine, *costs) if row["day"] > lately})
    return {
        name: (
            [row for row in mine if row["judge"] == name],
            [row for row in costs if row["judge"] == name],
        )
        for name in names
    }


def known_of(judge: str, day: date, quality: Rows, costs: Rows, rubric: Rubric) -> limits.Known:
    """What the conclusion on a judge rests on."""
    about = marts.about()
    era = record.current(record.eras(quality))
    window = record.within(quality, era, day) if era else []
    recent = [row for row in costs if (day - row["day"]).days < WINDOW]
    tried = injection_by_judge(JUDGE_QUALITY.table([dict(row) for row in window]), day)
    return limits.Known(
        judge=judge,
        day=day,
        era=era,
        first=min((row["day"] for row in window), default=None),
        scores=record.pooled(window),
        injection=tried[0] if tried else None,
        usable=Score(spending.calls(recent), spending.calls(recent, "ok")),
        alerts=[
            alert
            for alert in marts.rows("alerts", type="JUDGE", deployment_family=judge)
            if alert["state"] in OPEN
        ],
        limits=Acceptance(**about.get("acceptance", {})),
        headline=rubric.headline,
        title_of=rubric.title_of,
        sentinels_per_day=about.get("sentinels_per_day"),
        canaries_per_day=about.get("canaries_per_day"),
        stale=verdict.stale(about, day, datetime.now(UTC)),
    )
