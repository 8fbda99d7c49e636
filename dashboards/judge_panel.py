"""How far judges and people say the same, drawn on the page of judges.

Here belong: the panel as a whole, and every two raters. Here does not belong: the arithmetic
(record.py, rater_pairs.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

import components
import judged
import marts
import record
import streamlit as st
from components import text
from rater_pairs import PEOPLE, Pair, agreements
from record import WINDOW
from wording import count

Rows = Sequence[Mapping[str, Any]]


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
        *(number(value) for value in (of.alpha, of.ac1)),
        count(of.n),
    ]


def every_two(day: date) -> None:
    """Each pair of judges on late traffic, and each judge beside people."""
    names = list(marts.rubric().graded)
    stamp, version = marts.stamp(), marts.rubric().full_version
    late = _cached(stamp, version, day, tuple(names))
    if not late:
        return
    pairs = list(dict.fromkeys((one.first, one.second) for one in late))
    found = {(one.question, one.first, one.second): one for one in late}
    components.section(
        "Every two of them",
        f"Of judges on the traffic of the last {WINDOW} days; with people on all messages that "
        "were labelled. Gwet’s AC1 with its 95 % interval, a bootstrap of whole conversations; "
        "below it Cohen’s κ and the messages that both answered. An event is a level of 2 or more.",
    )
    components.table(
        ["Question", *(f"{text(first)} and {text(second)}" for first, second in pairs)],
        [
            [text(marts.rubric().title_of(name)), *(cell(found.get((name, *two))) for two in pairs)]
            for name in names
            if any((name, *two) in found for two in pairs)
        ],
        tight=True,
        name="agreement",
        rows=[asdict(one) for one in late],
    )
    if not any(second == PEOPLE for _, second in pairs):
        components.block(
            '<p class="am-faint am-small">Nobody has labelled a judged message yet, so no judge '
            "stands beside people: <code>alignment-monitor labels queue</code>.</p>"
        )


@st.cache_data(show_spinner=False, max_entries=4, ttl=300)
def _cached(stamp: int, version: str, day: date, names: tuple[str, ...]) -> list[Pair]:
    traffic = agreements(judged.judge_events(stamp, day, WINDOW), names)
    labelled = agreements(judged.labelled_events(stamp, version), names)
    return [*traffic, *(pair for pair in labelled if pair.second == PEOPLE)]


def cell(pair: Pair | None) -> str:
    """A pair as markup."""
    if pair is None:
        return '<span class="am-faint">–</span>'
    span = ' <span class="am-faint">no interval</span>'
    if pair.lower is not None and pair.upper is not None:
        span = f' <span class="am-faint">[{number(pair.lower)}, {number(pair.upper)}]</span>'
    return (
        f'{number(pair.ac1)}{span}<br><span class="am-faint am-small">κ {number(pair.kappa)}, '
        f"n {count(pair.n)}</span>"
    )


def number(value: float | None) -> str:
    """A coefficient, with a minus that is one."""
    return "undefined" if value is None else f"{value:.2f}".replace("-", "−")
