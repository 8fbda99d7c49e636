"""How a judge does on sentinels, drawn on the page of judges.

Here belong: its small multiples, and the tables that stand behind them. Here does not belong:
counting (record.py), what is concluded (trust.py), or marks and scales (judge_charts.py).
"""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

import components
import control
import judge_charts
import limits
import marts
import pictures
import record
import streamlit as st
from components import text
from judge_charts import FEWEST
from palette import ALARM, QUIET
from record import CHARTED, WINDOW, Score
from thinning import thinned
from wording import called, capital, count, counted, listed, percent, rate, short_day

from alignment_monitor.judging.quality import SENSITIVITY, SPECIFICITY

COLUMNS = 3
Rows = Sequence[Mapping[str, Any]]


def sentinels(known: limits.Known, quality: Rows) -> None:
    """Each headline question over time."""
    components.section(
        "Sentinels",
        "Conversations whose right answers are known, mixed into each day’s judging. Each point "
        f"pools the {counted(CHARTED, 'day')} up to it, from one version of the judge; fewer than "
        f"{FEWEST} verdicts are not drawn.",
    )
    if not any(row["measure"] in (SENSITIVITY, SPECIFICITY) for row in quality):
        components.todo("sentinel", "judging.sentinels_per_day", known.sentinels_per_day)
        return
    found = record.eras(quality)
    points = {
        name: thinned(record.rolling(quality, found, name), attrgetter("day"), attrgetter("era"))
        for name in known.headline
    }
    least = (known.limits.minimum_sensitivity, known.limits.minimum_specificity)
    floor = judge_charts.floor_of(list(points.values()), least)
    hues = marts.behaviour_hues()
    cells = [*known.headline, ""]
    for start in range(0, len(cells), COLUMNS):
        for column, name in zip(
            st.columns(COLUMNS, gap="medium"), cells[start : start + COLUMNS], strict=False
        ):
            with column:
                if not name:
                    key(least)
                    continue
                data = judge_charts.Record(
                    known.title_of(name), hues[name], points[name], found, least, floor,
                    control.limits(quality, found, name, points[name]),
                )  # fmt: skip
                small_multiple(known, name, data)
    every_question(known)
    versions(found)


def small_multiple(known: limits.Known, name: str, data: judge_charts.Record) -> None:
    """One question: where the judge stands, and how it came there."""
    failing = {problem.question for problem in limits.problems(known)}
    few = {question for _, question, _, _ in limits.short(known)}
    flag = ""
    if name in failing:
        flag = '<span class="am-flag">below its limit</span>'
    elif name in few:
        flag = '<span class="am-flag am-warn">too few</span>'
    now = data.points[-1]
    lines = "".join(
        f"<li>{stroke(colour, dashed=dashed)}<b>{shown(score)}</b>"
        f'<span class="am-faint am-small">{word}, n {count(score.n)}</span></li>'
        for score, word, colour, dashed in (
            (now.found, SENSITIVITY, data.colour, False),
            (now.passed, SPECIFICITY, QUIET, True),
        )
    )
    components.block(
        f"<h3>{components.dot(data.colour)}<span>{text(data.title)}</span>{flag}</h3>"
        f"<ul>{lines}</ul>",
        "am-panel am-pair",
    )
    chart = drawn(marts.stamp(), known.judge, name, data)
    pictures.show(
        chart,
        title=f"{data.title} on sentinels, {called(known.judge)}",
        alt_text=judge_charts.record_alt(data),
        name=f"{known.judge}-{name}",
    )


@st.cache_data(show_spinner=False, max_entries=64)
def drawn(stamp: int, judge: str, question: str, _data: judge_charts.Record) -> dict[str, Any]:
    """The chart of a question as it stands."""
    return pictures.assembled(judge_charts.record, _data)


def shown(score: Score) -> str:
    """A score as markup, its interval fainter."""
    if score.rate is None:
        return '<span class="am-faint">no data</span>'
    value, _, span = rate(score.rate, *score.interval).partition(" ")
    return f'{value} <span class="am-faint">{span}</span>'


def stroke(colour: str, *, dashed: bool = False, dotted: bool = False) -> str:
    """The line of a chart, as its legend."""
    kind = "dotted" if dotted else "dashed" if dashed else "solid"
    return f'<i class="am-stroke" style="border-top:2px {kind} {colour}"></i>'


def key(least: tuple[float, float]) -> None:
    """How to read the charts, in the place of a legend."""
    entries = {
        stroke(QUIET): "sensitivity: events that it saw, of those there were",
        stroke(QUIET, dashed=True): "specificity: replies it let pass, of those free of the event",
        f'<i style="width:2rem;height:.8rem;background:{QUIET}33"></i>': "95 % interval",
        f'<i style="width:2rem;height:.7rem;border:1px solid {QUIET};border-width:1px 0"></i>': (
            f"control limits: where further days fall, by the first {counted(WINDOW, 'day')} of a "
            "version, but for 27 points in 10,000"
        ),
        f'<span style="color:{ALARM}">●</span>': "a point beyond them",
        stroke(QUIET, dotted=True): f"what is asked: {percent(least[0])} and {percent(least[1])}",
        f'<span style="color:{QUIET};font-size:1rem">◆</span>': (
            "another judge, rubric or set of sentinels: before and after are not comparable"
        ),
    }
    items = "".join(f"<li><span>{mark}</span>{words}</li>" for mark, words in entries.items())
    components.block(f"<h3>How to read these</h3><ul>{items}</ul>", "am-panel am-key am-small")


def every_question(known: limits.Known) -> None:
    """All questions over the window: what the conclusion rests on, and those beside it."""
    asked = {question for _, question in known.scores}
    others = sorted(asked - set(known.headline), key=known.title_of)
    with st.expander(f"Every question, last {counted(known.days, 'day')}"):
        components.table(
            ["Question", "Sensitivity", "n with it", "Specificity", "n without it"],
            [
                [
                    text(known.title_of(name)),
                    shown(known.score(SENSITIVITY, name)),
                    count(known.score(SENSITIVITY, name).n),
                    shown(known.score(SPECIFICITY, name)),
                    count(known.score(SPECIFICITY, name).n),
                ]
                for name in [*known.headline, *others]
            ],
            numbers=(2, 4),
            tight=True,
            name=f"{known.judge}-questions",
        )


def versions(found: Sequence[record.Era]) -> None:
    """What the judge has been, newest first."""
    with st.expander(f"Versions of this judge: {count(len(found))}"):
        components.table(
            ["From", "To", "What changed", "Fingerprint", "Rubric", "Sentinels"],
            [
                [
                    short_day(era.first),
                    short_day(era.last),
                    capital(listed(era.changed)) or "The first",
                    *map(text, era.version),
                ]
                for era in reversed(found)
            ],
            name="judge-versions",
        )
