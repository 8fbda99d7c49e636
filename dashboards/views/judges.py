"""Can the judges be trusted today: sentinels, injection, agreement, and what judging took."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import components
import limits
import marts
import record
import spending
import streamlit as st
import verdict
from facts import OPEN
from judge_sections import agreement, calls, injection
from judge_sentinels import sentinels
from record import WINDOW, Score
from trust import BLIND, trust
from wording import short_day

from alignment_monitor.contracts import JUDGE_QUALITY
from alignment_monitor.judging.gate import injection_by_judge
from alignment_monitor.judging.quality import AC1, ALPHA
from alignment_monitor.settings import Acceptance

RUBRIC = marts.rubric()
Rows = Sequence[Mapping[str, Any]]


def known_of(judge: str, day: date, quality: Rows, costs: Rows) -> limits.Known:
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
        headline=RUBRIC.headline,
        title_of=RUBRIC.title_of,
        sentinels_per_day=about.get("sentinels_per_day"),
        canaries_per_day=about.get("canaries_per_day"),
        stale=verdict.stale(about, day, datetime.now(UTC)),
    )


def main() -> None:
    """Draw the page."""
    ends = [span[1] for name in ("judge_quality", "cost_daily") if (span := marts.span(name))]
    if not ends:
        components.empty(
            "No judge has been asked yet",
            "Once a run has finished, this page says whether its judges can be trusted.",
        )
        return
    day = max(ends)
    costs = marts.rows("cost_daily", first=day - timedelta(days=2 * WINDOW))
    rows = marts.kept(
        ("telling", day),
        "judge_quality",
        lambda: record.telling(marts.home().select("judge_quality"), RUBRIC.headline, day),
    ).to_pylist()
    panel = [row for row in rows if row["measure"] in (ALPHA, AC1)]
    about_judges = [row for row in rows if row["measure"] not in (ALPHA, AC1)]
    lately = day - timedelta(days=WINDOW)
    judges = sorted({row["judge"] for row in (*about_judges, *costs) if row["day"] > lately})
    quality = {name: [r for r in about_judges if r["judge"] == name] for name in judges}
    spent = {name: [r for r in costs if r["judge"] == name] for name in judges}
    known = {name: known_of(name, day, quality[name], spent[name]) for name in judges}
    told = {name: trust(known[name]) for name in judges}
    judges.sort(key=lambda name: told[name].place)
    for name in judges:
        components.verdict(told[name], one_of_several=len(judges) > 1)
    components.block(
        f'<p class="am-faint am-small">Up to {short_day(day)}. {BLIND} For that, audit it: '
        "<code>alignment-monitor judge audit</code>.</p>"
    )
    chosen = judges[0]
    if len(judges) > 1:
        with st.columns(3)[0]:
            chosen = st.selectbox("Judge", judges, key="judge", bind="query-params")
    sentinels(known[chosen], quality[chosen])
    injection(known[chosen], quality[chosen])
    agreement(panel, judges, day)
    calls(chosen, spent[chosen])


main()
