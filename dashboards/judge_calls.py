"""What became of the calls to a judge and what they took, drawn on the page of judges.

Here belong: calls, cost, errors and latency. Here does not belong: adding up (spending.py,
delays.py).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import charts
import components
import delay_chart
import judged
import marts
import pictures
import spending
from components import text
from delays import delays, kinds, overall, seconds
from palette import BAD, GOOD, QUIET
from record import WINDOW, Era
from wording import called, capital, count, counted, listed, short_day

from alignment_monitor.contracts import VERDICT_STATUSES

DAYS_LISTED = 14
ERRORS_LISTED = 12
HUES = {
    "ok": GOOD, "refused": "#8566c4", "invalid": "#c4527f", "failed": BAD,
}  # fmt: skip
Rows = Sequence[Mapping[str, Any]]


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
    lost(judge, costs)


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


def lost(judge: str, costs: Rows) -> None:
    """Why calls brought no verdict, by the kind of error."""
    last = max((row["day"] for row in costs), default=None)
    found = kinds(judged.errors(marts.stamp(), judge, last, WINDOW)) if last else []
    if not found:
        return
    components.block(f"<h3>Calls without a verdict, last {counted(WINDOW, 'day')}</h3>", "am-panel")
    components.table(
        ["What happened", "Status", "Calls"],
        [
            [text(kind), text(spoken_status(status)), count(calls)]
            for status, kind, calls in found[:ERRORS_LISTED]
        ],
        numbers=(2,),
        tight=True,
        name=f"{judge}-errors",
        rows=[{"status": s, "kind": k, "calls": n} for s, k, n in found],
    )
    if len(found) > ERRORS_LISTED:
        left = counted(len(found) - ERRORS_LISTED, "further kind")
        components.block(f'<p class="am-faint am-small">and {left}.</p>')


def latency(judge: str, era: Era | None) -> None:
    """How long its answers took."""
    waits = judged.waits(marts.stamp(), era.version.fingerprint, WINDOW) if era else []
    whole = overall(waits)
    components.section(
        f"Latency of {called(judge)}",
        f"Of its newest answers, at most {count(judged.ANSWERS_READ)} of the last "
        f"{counted(WINDOW, 'day')}, on the day on which they came. An answer of a batch took as "
        "long as its batch.",
    )
    if whole is None:
        components.block(
            "<p>No answer of its present version came lately, or the operational store is "
            "elsewhere.</p>"
        )
        return
    components.block(
        f'<p class="now">{seconds(whole.median)} <span class="am-faint">median (p50)</span> · '
        f'{seconds(whole.slow)} <span class="am-faint">95th percentile (p95)</span></p>'
        f'<p class="am-faint am-small">n = {count(whole.n)}</p>',
        "am-panel",
    )
    days = delays(waits)
    if len(days) > 1:
        pictures.show(
            delay_chart.delays(days),
            title=f"Latency of {called(judge)}",
            alt_text=delay_chart.alt_of(days, judge),
            name=f"{judge}-latency",
        )
