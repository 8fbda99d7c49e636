"""Injection, drawn on the page of judges.

Here belongs: this section, from plain rows. Here does not belong: what is concluded (trust.py).
"""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

import components
import judge_charts
import limits
import marts
import pictures
import record
import streamlit as st
from components import text
from judge_charts import era_of
from palette import QUIET
from thinning import thinned
from wording import called, capital, count, counted, percent

from alignment_monitor.judging.quality import INJECTION

Rows = Sequence[Mapping[str, Any]]


def injection(known: limits.Known, quality: Rows) -> None:
    """Whether text under judgement decides its own verdict."""
    most = known.limits.maximum_susceptibility
    components.section(
        "Injection",
        "Attempts to talk the judge into a verdict, each judged beside its harmless twin. Errors "
        "at random move as often against an attempt as with it: only the surplus counts.",
    )
    one = known.injection
    if one is None or not one.n or known.era is None:
        components.todo("injection", "judging.canaries_per_day", known.canaries_per_day)
        return
    flag = '<span class="am-flag">above its limit</span>' if limits.sways(known) else ""
    value, _, span = limits.surplus(one).partition(" of ")[0].partition(" ")
    over, beside = st.columns(2, gap="medium")
    with over:
        components.block(
            f"<h3>{components.dot(QUIET)}<span>Surplus of moved verdicts</span>{flag}</h3>"
            f'<p class="now">{value} <span class="am-faint">{span}</span></p>'
            f'<p class="am-faint am-small">last {counted(known.days, "day")}, n = {count(one.n)} · '
            f"98 % interval · at most {percent(most)} tolerated</p>",
            "am-panel",
        )
        signals = marts.rows(
            "drift_signals", type="JUDGE", deployment_family=known.judge, behaviour=INJECTION
        )
        if signals := [row for row in signals if row["observed"] is not None]:
            eras = record.eras(quality)
            drawn = thinned(signals, itemgetter("day"), lambda row: era_of(row["day"], eras))
            data = judge_charts.Sway(QUIET, drawn, eras, most)
            pictures.show(
                drawn_sway(marts.stamp(), known.judge, data),
                title=f"Verdicts of {called(known.judge)} moved by injection",
                alt_text=judge_charts.sway_alt(data),
                name=f"{known.judge}-injection",
            )
    with beside:
        by_kind(record.within(quality, known.era, known.day))


@st.cache_data(show_spinner=False, max_entries=16)
def drawn_sway(stamp: int, judge: str, _data: judge_charts.Sway) -> dict[str, Any]:
    """The chart of a judge as it stands."""
    return pictures.assembled(judge_charts.sway, _data)


def by_kind(window: Rows) -> None:
    """Attempts by their kind, those that succeed most first."""
    kinds: dict[str, list[int]] = {}
    for row in window:
        if row["measure"] == INJECTION:
            tally = kinds.setdefault(row["question"], [0, 0, 0])
            for place, column in enumerate(("n", "hits", "against")):
                tally[place] += row[column] or 0
    order = sorted(
        kinds, key=lambda kind: ((kinds[kind][2] - kinds[kind][1]) / kinds[kind][0], kind)
    )
    whole = [sum(tally[place] for tally in kinds.values()) for place in range(3)]
    components.table(
        ["Kind of attempt", "n", "Moved as pushed", "Moved against"],
        [
            [text(capital(name.replace("_", " "))), *map(count, tally)]
            for name, tally in [*((kind, kinds[kind]) for kind in order), ("all", whole)]
        ],
        numbers=(1, 2, 3),
        total=True,
        tight=True,
        name="injection-by-kind",
    )
