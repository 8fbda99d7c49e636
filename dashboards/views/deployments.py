"""Any two deployments of a family side by side: what differs, how surely, and from where."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import components
import marts
import pair_charts
import pair_sections
import pair_words
import pairs
import pictures
import streamlit as st
from components import text
from pairs import WINDOW, Compared
from wording import count, moved, rate, short_day, spoken

from alignment_monitor.judging.quality import SENSITIVITY, SPECIFICITY, sentinel_items

RUBRIC = marts.rubric()
COLOURS = marts.behaviour_hues()
GAUGES = [name for name in RUBRIC.monitored if name not in RUBRIC.headline]
FAINT = '<span class="am-faint am-small">{}</span>'
PARTS = (
    "By traffic, by the model and by the judge add up to the difference. By traffic has no "
    "interval here: how unsure the shares of segments are depends on how much each user wrote, "
    "which pages do not read. The evidence of an alert is worked out from users and has one."
)


def choose(family: str, deployed: Sequence[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    """The two deployments that the address names: else the current one and the one before."""
    by_name = {row["deployment"]: row for row in deployed}
    names = list(by_name)
    columns = st.columns([3, 3, 4])
    with columns[0]:
        before = st.selectbox(
            "From", names, index=len(names) - 2, key="before", bind="query-params"
        )
    with columns[1]:
        after = st.selectbox("To", names, index=len(names) - 1, key="after", bind="query-params")
    return by_name[before], by_name[after]


def compared(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Compared]:
    """All watched behaviours of the two, over the last days of each."""
    served = (first, second)
    found = marts.estimates(
        deployment_family=first["deployment_family"],
        deployment=[row["deployment"] for row in served],
        day=[row["last_day"] for row in served],
        window_days=WINDOW,
        behaviour=list(RUBRIC.monitored),
    )
    before, after = (
        [
            row
            for row in found
            if (row["deployment"], row["day"]) == (one["deployment"], one["last_day"])
        ]
        for one in served
    )
    days = {row["last_day"] - timedelta(days=back) for row in served for back in range(WINDOW)}
    quality = marts.select(
        "judge_quality",
        day=sorted(days),
        measure=[SENSITIVITY, SPECIFICITY],
        question=list(RUBRIC.monitored),
    ).to_pandas()
    items = sentinel_items(RUBRIC)
    told = []
    for name in RUBRIC.monitored:
        whole = [
            next((r for r in rows if r["behaviour"] == name and r["segment"] == "all"), None)
            for rows in (before, after)
        ]
        errors = {
            key: pairs.judge_errors(quality, row, items) if row else None
            for key, row in zip(("before", "after"), whole, strict=True)
        }
        told.append(pairs.compare(name, before, after, errors))
    return pairs.marked(told)


def span(served: Mapping[str, Any]) -> str:
    """Which days of a deployment are compared."""
    last = served["last_day"]
    first = max(served["first_day"], last - timedelta(days=WINDOW - 1))
    return f"{served['deployment']}: {short_day(first, last)} to {short_day(last)}"


def key() -> None:
    """How to read the chart of differences."""
    components.block(
        '<p class="am-faint am-small">● difference as users get it · ○ at the same traffic, the '
        "mean of both mixes of segments. Lines are 95 % intervals (Newcombe’s and MOVER, from "
        "Wilson intervals clustered by user); one that crosses zero is no proof of either side. "
        "More is worse, but for "
        f"{text(_good())}.</p>"
    )


def _good() -> str:
    return " and ".join(spoken(RUBRIC.title_of(n)) for n in RUBRIC.monitored if RUBRIC.is_good(n))


def chart(found: Sequence[Compared], names: tuple[str, str]) -> None:
    """Differences of all behaviours."""
    shown = [one for one in found if one.plain]
    if not shown:
        components.block("<p><b>No behaviour has data in both deployments.</b></p>")
        return
    key()
    pictures.show(
        pair_charts.differences(shown, names, RUBRIC.title_of, COLOURS),
        title=f"Differences between {names[0]} and {names[1]}",
        alt_text=pair_charts.differences_alt(shown, names, RUBRIC.title_of),
        name="differences",
    )


def table(found: Sequence[Compared], names: tuple[str, str]) -> None:
    """All figures of all behaviours."""

    def side(row: Mapping[str, Any] | None) -> str:
        if row is None:
            return FAINT.format("no data")
        shown = rate(row["prevalence"], row["lower"], row["upper"])
        return f"{shown}<br>{FAINT.format('n ' + count(row['n']))}"

    def change(one: Compared) -> str:
        if one.plain is None:
            return FAINT.format(text(pair_words.why_not(one)))
        shown = moved(one.plain.change, one.plain.lower, one.plain.upper)
        flag = '<br><span class="am-flag">stands out</span>' if one.is_marked else ""
        few = "" if one.is_told else "<br>" + FAINT.format(text(pair_words.why_not(one)))
        return f"{shown}{flag}{few}"

    def same(one: Compared) -> str:
        found = one.standardised
        return moved(found.change, found.lower, found.upper) if found else FAINT.format("not known")

    def traffic(one: Compared) -> str:
        return FAINT.format("not known") if one.mix is None else moved(one.mix, digits=1)

    def model(one: Compared) -> str:
        found = one.rate
        return moved(found.change, found.lower, found.upper) if found else FAINT.format("not known")

    head = [
        "Behaviour", text(names[0]), text(names[1]), "Difference", "At the same traffic",
        "By traffic", "By the model", "By the judge",
    ]  # fmt: skip
    components.table(
        head,
        [
            [
                f"{components.dot(COLOURS[one.behaviour])} {text(RUBRIC.title_of(one.behaviour))}",
                side(one.before),
                side(one.after),
                change(one),
                same(one),
                traffic(one),
                model(one),
                pair_words.judge_part(one),
            ]
            for one in found
        ],
    )
    if any(one.mix is not None for one in found):
        components.block(f'<p class="am-faint am-small">{PARTS}</p>')
    components.download("deployments", [_flat(one, names) for one in found])


def _flat(one: Compared, names: tuple[str, str]) -> dict[str, Any]:
    """A behaviour as a row of CSV."""
    row: dict[str, Any] = {"behaviour": one.behaviour, "from": names[0], "to": names[1]}
    for side, found in (("from", one.before), ("to", one.after)):
        for name in ("prevalence", "lower", "upper", "n", "effective_n"):
            row[f"{side}_{name}"] = found[name] if found else None
    for side, contrast in (("difference", one.plain), ("same_traffic", one.standardised)):
        row[side] = contrast.change if contrast else None
        row[f"{side}_lower"] = contrast.lower if contrast else None
        row[f"{side}_upper"] = contrast.upper if contrast else None
    row |= {"p_value": one.plain.p_value if one.plain else None, "stands_out": one.is_marked}
    return row | {
        "by_traffic": one.mix,
        "by_model": one.rate.change if one.rate else None,
        "by_model_lower": one.rate.lower if one.rate else None,
        "by_model_upper": one.rate.upper if one.rate else None,
        "by_judge": one.judge, "judge_error": one.judge_error, "reason": pair_words.why_not(one),
    }  # fmt: skip


def alone(reason: str) -> None:
    """That there is nothing to compare, and why."""
    components.title("Deployments", "Two deployments of a family side by side.")
    components.block(f"<p><b>{text(reason)}</b></p>")


def main() -> None:
    """Draw the page."""
    families = marts.families()
    if not families:
        components.empty(
            "Nothing to compare yet", "Once two deployments have been judged, they stand here."
        )
        return
    family = components.family(families)
    deployed = marts.deployments(family)
    if len(deployed) < 2:
        only = (
            f"{deployed[0]['deployment']} is the only deployment" if deployed else "No deployment"
        )
        alone(f"{only} of {family} so far. Once a second one has served, they are compared here.")
        return
    first, second = choose(family, deployed)
    names = (first["deployment"], second["deployment"])
    if first == second:
        alone("Choose two that differ.")
        return
    found = compared(first, second)
    headline = [one for one in found if one.behaviour in RUBRIC.headline]
    components.verdict(pair_words.told(headline, names, RUBRIC.title_of))
    asked = [("family", family), *zip(("before", "after"), names, strict=True)]
    components.block(f'<p class="am-small">{components.lasting_link("deployments", asked)}</p>')
    components.section(
        "Differences",
        f"The last {WINDOW} days of each deployment. {span(first)}; {span(second)}.",
    )
    chart(found, names)
    table(found, names)
    pair_sections.drivers(found, names, RUBRIC.title_of, COLOURS)


main()
