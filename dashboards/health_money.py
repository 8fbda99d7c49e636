"""What judging cost, what it may cost, and what it will, drawn on the Health page.

Here belong: budgets beside what was spent. Here does not belong: adding up (spending.py) or the
forecast itself (alignment_monitor.operations.forecast).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import components
import marts
import spending
import streamlit as st
from components import text
from wording import count, counted, short_day

from alignment_monitor.judging.money import UnknownPriceError
from alignment_monitor.operations import alerts
from alignment_monitor.operations.forecast import Expected, Forecast, ordinary_day
from alignment_monitor.store import StoreError

Row = Mapping[str, Any]
LATELY, MONTH = 28, 30


@dataclass(frozen=True)
class Outlook:
    """What an ordinary day will take; a problem where that cannot be told.

    Attributes:
        usual: a day with the sample that is asked for; None with a problem.
        most: a day as full as budgets allow.
        problem: why there is no forecast.
    """

    usual: Forecast | None = None
    most: Forecast | None = None
    problem: str = ""


@st.cache_data(show_spinner=False, max_entries=2, ttl=300)
def outlook(stamp: int) -> Outlook:
    """The forecast of an ordinary day, by what the newest answers took."""
    settings = marts.settings()
    try:
        with alerts.opened(settings) as engine:
            return Outlook(*ordinary_day(settings, marts.rubric(), engine))
    except (alerts.DeskError, StoreError, UnknownPriceError) as error:
        return Outlook(problem=str(error))


def money() -> None:
    """Cost, budget and forecast."""
    rows = marts.rows("cost_daily")
    if not rows:
        return
    cost(rows)
    budget(rows)
    forecast(outlook(marts.stamp()))


def cost(rows: Sequence[Row]) -> None:
    """What judging took, by judge."""
    first, last = min(row["day"] for row in rows), max(row["day"] for row in rows)
    components.section(
        "Cost of judging",
        f"{short_day(first, last)} to {short_day(last)}. The Judges page has it day by day.",
    )
    body = []
    for judge in sorted({row["judge"] for row in rows}):
        mine = [row for row in rows if row["judge"] == judge]
        body.append([text(judge), *spent(mine), *spent([r for r in mine if r["day"] == last])])
    components.table(
        ["Judge", "Calls", "Tokens in", "Tokens out", "USD", "Calls, last day", "Tokens in",
         "Tokens out", "USD"],
        body,
        numbers=range(1, 9),
        name="cost",
        rows=rows,
    )  # fmt: skip


def spent(rows: Sequence[Row]) -> list[str]:
    """Calls, tokens and money; what the server did not tell is said to be unknown."""
    return [
        count(spending.calls(rows)),
        spending.tokens(rows, "prompt_tokens"),
        spending.tokens(rows, "completion_tokens"),
        spending.money(rows),
    ]


def budget(rows: Sequence[Row]) -> None:
    """What a day of traffic may take, beside what late days took."""
    judging = marts.settings().judging
    last = max(row["day"] for row in rows)
    late = [row for row in rows if (last - row["day"]).days < LATELY]
    by_judge: dict[str, dict[Any, int]] = {}
    for row in late:
        days = by_judge.setdefault(row["judge"], {})
        days[row["day"]] = days.get(row["day"], 0) + row["calls"]
    over = [
        row["count"]
        for row in marts.rows("ledger_daily", level="message", state="over_budget")
        if row["day"] > last - timedelta(days=LATELY)
    ]
    usd = "none" if judging.usd_per_day is None else f"{judging.usd_per_day:,.2f} USD"
    kept_out = counted(sum(over), "reply").replace("replys", "replies")
    components.block(
        "<h3>Budget of a day of traffic</h3>"
        f'<p class="am-faint am-small">Calls of each judge: {count(judging.calls_per_day)}. '
        f"Money: {usd}. In the last {counted(LATELY, 'day')} budgets kept {kept_out} out of the "
        "sample.</p>",
        "am-panel am-apart",
    )
    components.table(
        ["Judge", "Calls a day, mean", "Most on a day", "Share of the budget at most"],
        [
            [
                text(judge),
                count(sum(days.values()) / len(days)),
                count(max(days.values())),
                bar(max(days.values()) / judging.calls_per_day),
            ]
            for judge, days in sorted(by_judge.items())
        ],
        numbers=(1, 2),
        tight=True,
        name="budget",
    )


def bar(share: float) -> str:
    """A share as a bar with its figure."""
    width = 100 * min(1.0, share)
    return (
        f'<span class="am-share"><i style="width:{width:.0f}%"></i></span> {100 * share:.0f}\u00a0%'
    )


def forecast(found: Outlook) -> None:
    """What the days to come will take, if they are like those that were."""
    components.block("<h3>Forecast</h3>", "am-panel am-apart")
    if found.usual is None or found.most is None:
        components.block(f"<p>There is none: {text(found.problem)}</p>")
        return
    components.table(
        ["Judge", "Calls a day", "USD a day", f"USD in {MONTH} days", "At most, USD a day",
         "Rests on"],
        [
            [
                text(usual.judge.name), count(usual.calls), usd_of(usual, 1),
                usd_of(usual, MONTH), usd_of(most, 1),
                counted(usual.usage.observed, "answer") if usual.usage.observed
                else "the longest call allowed: too few answers yet",
            ]
            for usual, most in zip(found.usual.judges, found.most.judges, strict=True)
        ],
        numbers=range(1, 5),
        tight=True,
        name="forecast",
    )  # fmt: skip
    components.block(
        '<p class="am-faint am-small">A new day with the sample that is asked for, by what the '
        "newest answers took, two standard deviations to each side; at most: as full as budgets "
        "allow. For days that are there already: <code>alignment-monitor backfill "
        "--forecast</code>.</p>"
    )


def usd_of(one: Expected, days: int) -> str:
    """Money for some days like this one, with its range; said to be unknown without a price."""
    if one.judge.simulated:
        return "simulated"
    if one.usd is None:
        return "no price set"
    reach = 2 * one.usd_deviation * days**0.5
    mean = one.usd * days
    low, high = max(0.0, mean - reach), mean + reach
    return f"{mean:,.2f} [{low:,.2f}, {high:,.2f}]" if reach else f"{mean:,.2f}"
