"""Is anything wrong, since when, how sure: the sentences at the top of the overview.

Here belong: everything a page concludes, as pure functions of rows of the marts. Here does not
belong: reading files, or how a sentence looks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from facts import Facts, Row, evidence, read_day, read_moment, statement
from instrument import doubt, named, success, talked
from normal import standing
from wording import capital, counted, digits_for, listed, percent, points, rate, short_day, spoken

from alignment_monitor.alerting.statements import INJECTION

Status = Literal["change", "judge", "swayed", "no_data", "learning", "steady", "stale", "unknown"]

SHOWN = 3
"""Changes told in full; more would hide the first."""
DRIVERS = 2
STALE_DAYS = 2
LABELS: dict[Status, str] = {
    "change": "Change found",
    "judge": "The measurement changed",
    "swayed": "The measurement can be swayed",
    "no_data": "Data is missing",
    "learning": "Still learning",
    "steady": "No change found",
    "stale": "Out of date",
    "unknown": "Cannot tell",
}


@dataclass(frozen=True)
class Verdict:
    """What to say, most important first.

    Attributes:
        status: the kind of verdict; never "steady" without a power statement.
        headline: the one sentence.
        details: further changes, one sentence each.
        assurance: how sure this is, or what it could not have seen.
        notices: what limits the verdict and is said before it.
    """

    status: Status
    headline: str
    details: tuple[str, ...] = ()
    assurance: str = ""
    notices: tuple[str, ...] = field(default=())

    @property
    def label(self) -> str:
        """The verdict in two or three words."""
        return LABELS[self.status]


def judge(facts: Facts) -> Verdict:
    """The verdict on a family."""
    notices = tuple([*stale(facts.about, facts.day, facts.now), *gaps(facts)])
    if changes := facts.open_alerts("MODEL"):
        first, *others = (change(alert, facts) for alert in changes)
        details = [*driven(changes[0]), *others[: SHOWN - 1]]
        if (left := len(others) - SHOWN + 1) > 0:
            details.append(f"{capital(counted(left, 'further change'))}: see the charts below.")
        return Verdict(
            "change",
            f"{facts.subject} of {facts.family} changed: {first}",
            tuple(capital(detail) for detail in details),
            f"{_false_alarms(facts)} {doubt(facts)}".strip(),
            notices,
        )
    if shifts := facts.open_alerts("JUDGE", "TRAFFIC", "UNATTRIBUTED"):
        return _swayed(shifts, facts, notices) or _shifted(shifts, facts, notices)
    if not facts.latest or all(row["phase"] == "no_data" for row in facts.latest):
        return Verdict(
            "no_data",
            f"Nothing is known of {facts.family}{_on(facts.day)}: no verdicts arrived.",
            assurance="Silence is not health. The health page shows where rows stopped.",
            notices=notices,
        )
    if any(row["phase"] == "baseline" for row in facts.latest):
        return _learning(facts, notices)
    return _steady(facts, notices)


def change(alert: Row, facts: Facts) -> str:
    """One drift: what moved, from what to what, since when, next to which deployment."""
    told = evidence(alert)
    title = spoken(facts.title_of(alert["behaviour"]))
    verb = "rose" if alert["direction"] == "up" else "fell"
    value, before = told.get("value"), told.get("baseline")
    if value is not None and before is not None:
        lower, upper = told.get("lower"), told.get("upper")
        digits = 1 if percent(before) == percent(value) else digits_for(lower, upper)
        moved = f"{verb} from {percent(before, digits)} to {rate(value, lower, upper, digits)}"
    elif (effect := told.get("effect")) is not None:
        moved = f"{verb} by {points(effect)}"
    else:
        moved = verb
    suffix = {"acknowledged": " (acknowledged)", "silenced": " (silenced)"}.get(alert["state"], "")
    return f"{title} {moved}{_since(told, facts)}{suffix}."


def driven(alert: Row) -> list[str]:
    """The segments that moved most with a change, if its evidence names any."""
    moved = [
        f"{part['segment']} ({percent(part['before'])} to {percent(part['after'])})"
        for part in evidence(alert).get("drivers") or ()
        if part.get("before") is not None and part.get("after") is not None
    ]
    return [f"Most of it in {listed(moved[:DRIVERS])}."] if moved else []


def stale(about: Row, day: date | None, now: datetime) -> list[str]:
    """That the newest figures are old. Simulated days are not of this year, so not told."""
    generated = read_moment(about.get("generated_at"))
    if about.get("simulated") or generated is None or day is None:
        return []
    found = []
    if (now - generated).days >= STALE_DAYS:
        age = counted((now - generated).days, "day")
        found.append(f"Stale: the last run was {age} ago. Nothing since is known.")
    if (lag := (generated.date() - day).days) > STALE_DAYS:
        found.append(
            f"Stale: the last day decided is {short_day(day)}, {counted(lag, 'day')} before "
            "the last run."
        )
    return found


def gaps(facts: Facts) -> list[str]:
    """What the pipeline says is missing; behaviours without data on the last day."""
    told = [statement(alert) or named(alert, facts) for alert in facts.open_alerts("PIPELINE")]
    silent = {row["behaviour"] for row in facts.latest if row["phase"] == "no_data"}
    if silent and len(silent) < len({row["behaviour"] for row in facts.latest}):
        names = [spoken(facts.title_of(name)) for name in facts.headline if name in silent]
        told.append(f"No data for {listed(names)}{_on(facts.day)}.")
    return told


def power(facts: Facts) -> str:
    """Which change would have been found, at best and at worst; empty if that is unknown."""
    soon = _detectable(facts, "detectable_7d")
    later = _detectable(facts, "detectable_30d")
    if not soon and not later:
        return ""
    parts = []
    for found, days in ((soon, 7), (later, 30)):
        if found:
            parts.append(f"{_span(found)} within {counted(days, 'day')}")
    worst = max((later or soon).items(), key=lambda item: item[1])[0]
    sentence = f"A change of {', or of '.join(parts)}, would have been found"
    if len(later or soon) > 1:
        sentence += f"; {spoken(facts.title_of(worst))} is the hardest to see"
    blind = [name for name in facts.headline if name not in (later or soon)]
    if blind:
        names = listed(spoken(facts.title_of(name)) for name in blind)
        sentence += f". What could be seen in {names} is not known"
    return sentence + "."


def _shifted(shifts: Sequence[Row], facts: Facts, notices: tuple[str, ...]) -> Verdict:
    """Something else than the model changed."""
    return Verdict(
        "judge",
        f"No change of {facts.family} can be told apart: "
        + spoken(statement(shifts[0]) or named(shifts[0], facts)),
        tuple(statement(shift) or named(shift, facts) for shift in shifts[1:SHOWN]),
        "While this lasts, rates before and after it are not comparable.",
        notices,
    )


def _swayed(shifts: Sequence[Row], facts: Facts, notices: tuple[str, ...]) -> Verdict | None:
    """Text under judgement decides its own verdict, so that no rate means what it says."""
    judges = [shift for shift in shifts if shift["behaviour"] == INJECTION]
    if not judges:
        return None
    others = [shift for shift in shifts if shift["behaviour"] != INJECTION]
    return Verdict(
        "swayed",
        f"The figures of {facts.family} cannot be relied on: {talked(judges)}.",
        (
            *filter(None, map(success, judges)),
            *(statement(shift) or named(shift, facts) for shift in others),
        )[:SHOWN],
        "Whoever writes to the model can hide a fault or invent one. Until the judge is mended or "
        "replaced, no change can be told apart.",
        notices,
    )


def _learning(facts: Facts, notices: tuple[str, ...]) -> Verdict:
    first = _began_learning(facts)
    length = int(facts.about.get("baseline_days") or 28)
    day = facts.day or first
    elapsed = (day - first).days + 1
    done = [row["behaviour"] for row in facts.latest if row["phase"] == "watching"]
    if elapsed <= length:
        when = f"day {elapsed} of {length}"
    else:
        when = f"{counted(elapsed, 'day')} so far, some without enough data"
    sees = power(facts).replace("would have been found", "would be found once it ends", 1)
    unknown = "How small a change will be seen is known when it ends."
    assurance = "Until then no drift can be called." + (f" {sees}" if sees else f" {unknown}")
    if done:
        names = listed(dict.fromkeys(spoken(facts.title_of(name)) for name in done))
        assurance = f"Already watched: {names}. " + assurance
    return Verdict(
        "learning",
        f"Learning what is normal for {facts.family}: {when}.",
        assurance=assurance,
        notices=notices,
    )


def _began_learning(facts: Facts) -> date:
    """First day of what is learnt: of the newest baseline, where some were made anew."""
    first = min(row["day"] for row in facts.signals)
    young = {row["behaviour"] for row in facts.latest if row["phase"] == "baseline"}
    resets = (standing(behaviour, facts) for behaviour in young)
    return max([first, *(reset["from_day"] for reset in resets if reset)])


def _steady(facts: Facts, notices: tuple[str, ...]) -> Verdict:
    sees = power(facts)
    if not sees:
        return Verdict(
            "unknown",
            f"No change of {facts.family} was called{_up_to(facts.day)}, but it is not known what "
            "change could have been seen.",
            assurance="A verdict needs a power statement; none was computed for these series.",
            notices=notices,
        )
    return Verdict(
        "no_data" if gaps(facts) else "stale" if notices else "steady",
        f"No change of {facts.family} found{_up_to(facts.day)}"
        + (", in the data there is." if notices else "."),
        assurance=f"{sees} Smaller or newer ones may be there unseen.",
        notices=notices,
    )


def _since(told: Mapping[str, Any], facts: Facts) -> str:
    start = read_day(told.get("start_day"))
    if start is None:
        return ""
    since = f" since {short_day(start, facts.day)}"
    began = {row["deployment"]: row["first_day"] for row in facts.deployments}
    if (name := told.get("nearest_deployment")) not in began:
        return since
    apart = (start - began[name]).days
    if apart == 0:
        return f"{since}, the day {name} began"
    return (
        f"{since}, {counted(abs(apart), 'day')} {'after' if apart > 0 else 'before'} {name} began"
    )


def _false_alarms(facts: Facts) -> str:
    years = facts.about.get("average_run_length_years")
    if not years:
        return ""
    return f"False alarms are expected once in {counted(round(years), 'year')}."


def _detectable(facts: Facts, column: str) -> dict[str, float]:
    """The worse direction of each behaviour: the promise must hold for both."""
    found: dict[str, float] = {}
    for row in facts.latest:
        if row[column] is not None:
            found[row["behaviour"]] = max(row[column], found.get(row["behaviour"], 0.0))
    return found


def _span(found: Mapping[str, float]) -> str:
    least, most = points(min(found.values())), points(max(found.values()))
    if least == most:
        return least
    return f"{least.split()[0]} to {most}"


def _on(day: date | None) -> str:
    return f" on {short_day(day)}" if day else ""


def _up_to(day: date | None) -> str:
    return f" up to {short_day(day)}" if day else ""
