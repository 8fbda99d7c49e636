"""Can the judges be trusted today: audits, sentinels, injection, agreement, cost and latency."""

import components
import judge_facts
import marts
import streamlit as st
from judge_audit import audit
from judge_calls import calls, latency
from judge_injection import injection
from judge_panel import agreement, every_two
from judge_sentinels import sentinels
from trust import BLIND, trust
from wording import short_day

from alignment_monitor.judging.quality import AC1, ALPHA

RUBRIC = marts.rubric()


def main() -> None:
    """Draw the page."""
    day, rows, costs = judge_facts.recorded(RUBRIC)
    if day is None:
        components.empty(
            "No judge has been asked yet",
            "Once a run has finished, this page says whether its judges can be trusted.",
        )
        return
    panel = [row for row in rows if row["measure"] in (ALPHA, AC1)]
    found = judge_facts.by_judge(day, rows, costs)
    known = {
        name: judge_facts.known_of(name, day, quality, spent, RUBRIC)
        for name, (quality, spent) in found.items()
    }
    told = {name: trust(one) for name, one in known.items()}
    judges = sorted(found, key=lambda name: told[name].place)
    if len(judges) > 1:
        components.title("Judges", "Whether each can be trusted today, the worst first.")
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
    quality, spent = found[chosen]
    audit(chosen, known[chosen].era)
    sentinels(known[chosen], quality)
    injection(known[chosen], quality)
    agreement(panel, judges, day)
    every_two(day)
    calls(chosen, spent)
    latency(chosen, known[chosen].era)


main()
