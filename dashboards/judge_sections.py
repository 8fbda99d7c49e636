"""Injection, agreement and calls, drawn on the page of judges.

Here belong: these sections, each from plain rows. Here does not belong: sentinels
(judge_sentinels.py), or what is concluded (trust.py).
"""

from collections.abc import Mapping, Sequence
from datetime import date
from operator import itemgetter
from typing import Any

import charts
import components
import judge_charts
import limits
import marts
import pictures
import record
import spending
import streamlit as st
from components import text
from judge_charts import era_of
from palette import BAD, GOOD, QUIET
from record import WINDOW
from thinning import thinned
from wording import called, capital, count, counted, listed, percent, short_day

from alignment_monitor.contracts import VERDICT_STATUSES
from alignment_monitor.judging.quality import INJECTION

DAYS_LISTED = 14
HUES = {
    "ok": GOOD, "refused": "#8566c4", "invalid": "#c4527f", "failed": BAD,
}  # fmt: skip
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
    chart: dict[str, Any] = judge_charts.sway(_data).to_dict(validate=False)
    return chart


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


def agreement(rows: Rows, judges: Sequence[str], day: date) -> None:
    """How far the judges of a panel say the same of the same messages."""
    components.section(
        "Agreement of the panel",
        "On traffic, where no right answer is known: Krippendorff’s α and Gwet’s AC1; 1 is full "
        "agreement and 0 is chance. Means of daily values, weighted by their messages.",
    )
    if len(judges) < 2 and not rows:
        components.block(
            "<p><b>One judge alone cannot be compared.</b> A second of another provider shows "
            "faults that sentinels miss: add it to <code>judging.judges</code> in monitor.yaml.</p>"
        )
        return
    era = record.current(record.eras(rows))
    window = record.within(rows, era, day) if era else []
    if not window or era is None:
        components.block(
            "<p><b>No message was judged by two of them on the same day lately.</b> Their calls "
            "below show which of them gave no verdicts.</p>"
        )
        return
    spans = {WINDOW: record.agreement(window), 7: record.agreement(
        row for row in window if (day - row["day"]).days < 7
    )}  # fmt: skip
    rubric, nothing = marts.rubric(), record.Agreement(0, None, None)
    asked = spans[WINDOW]
    names = [n for n in (*rubric.monitored, *sorted(asked)) if n in asked and asked[n].n]
    head = ["Question"]
    for days in spans:
        head += [f"α, {days} days", f"AC1, {days} days", "n"]
    components.table(
        head,
        [
            [
                text(rubric.title_of(name)),
                *(
                    cell
                    for found in spans.values()
                    for cell in coefficients(found.get(name, nothing))
                ),
            ]
            for name in dict.fromkeys(names)
        ],
        numbers=range(1, 7),
        tight=True,
        name="panel-agreement",
    )
    components.block(
        '<p class="am-faint am-small">Where α is low and AC1 high, the event is rare: the judges '
        "agree that it is mostly absent, but not on where it is. Where both are low, they read the "
        "question differently. n counts messages that at least two found applicable.</p>"
    )


def coefficients(of: record.Agreement) -> list[str]:
    """Both coefficients and their n."""
    return [
        *("undefined" if value is None else f"{value:.2f}".replace("-", "−")
          for value in (of.alpha, of.ac1)),
        count(of.n),
    ]  # fmt: skip


def calls(judge: str, costs: Rows) -> None:
    """What became of the calls to a judge, and what they took."""
    components.section(
        f"Calls and cost of {called(judge)}, last {counted(WINDOW, 'day')}",
        "A call that was refused, or whose answer broke the rules, counts as judged without "
        "verdict. Messages over the budget were not asked about.",
    )
    if not costs:
        components.block("<p>It was not called yet.</p>")
        return
    last = max(row["day"] for row in costs)
    costs = [row for row in costs if (last - row["day"]).days < WINDOW]
    seen = [s for s in VERDICT_STATUSES if any(r["status"] == s and r["calls"] for r in costs)]
    per_day(judge, costs, seen)
    days = sorted({row["day"] for row in costs}, reverse=True)
    components.table(
        ["Day (UTC)", "Calls", *(capital(spoken_status(s)) for s in seen), "Tokens in",
         "Tokens out", "USD"],
        [
            *(
                [short_day(day, last), *taken([r for r in costs if r["day"] == day], seen)]
                for day in days[:DAYS_LISTED]
            ),
            [f"Last {counted(WINDOW, 'day')}", *taken(costs, seen)],
        ],
        numbers=range(1, len(seen) + 5),
        total=True,
        tight=True,
        name=f"{judge}-calls",
        rows=costs,
    )  # fmt: skip


def per_day(judge: str, costs: Rows, seen: Sequence[str]) -> None:
    """The calls of each day by how they ended."""
    words = listed(
        f"{count(spending.calls(costs, status))} {spoken_status(status)}" for status in seen
    )
    components.block(
        "".join(
            f'<span class="am-chip">{components.square(HUES.get(status, QUIET))}'
            f"{text(capital(spoken_status(status)))}</span>"
            for status in seen
        )
    )
    pictures.show(
        charts.ledger(
            [{"day": r["day"], "state": r["status"], "count": r["calls"]} for r in costs],
            seen,
            [HUES.get(status, QUIET) for status in seen],
            "messages",
        ),
        title=f"Calls to {called(judge)}",
        alt_text=f"Messages per day by what became of them. In total {words}.",
        name=f"{judge}-calls",
    )


def taken(rows: Rows, seen: Sequence[str]) -> list[str]:
    """Calls, how they ended, tokens and money."""
    return [
        count(spending.calls(rows)),
        *(count(spending.calls(rows, status)) for status in seen),
        spending.tokens(rows, "prompt_tokens"),
        spending.tokens(rows, "completion_tokens"),
        spending.money(rows),
    ]


def spoken_status(status: str) -> str:
    """A status for people."""
    return {"ok": "answered"}.get(status, status.replace("_", " "))
