"""Is anything wrong, since when, how sure: the sentences at the top of the overview.

Here belong: everything a page concludes, as pure functions of rows of the marts. Here does not
belong: reading files, or how a sentence looks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

import changes
import sight
from changes import change, until
from facts import Facts, Row, read_moment, statement
from instrument import doubt, named, success, talked, unproven
from normal import standing
from wording import capital, counted, listed, short_day, spoken

from alignment_monitor.alerting.statements import INJECTION

Status = Literal[
    "change",
    "judge",
    "swayed",
    "no_data",
    "learning",
    "closed",
    "steady",
    "stale",
    "few",
    "unknown",
]

SHOWN = 3
"""Changes told in full; more would hide the first."""
STALE_DAYS = 2
LABELS: dict[Status, str] = {
    "change": "Change found",
    "judge": "The measurement changed",
    "swayed": "The measurement can be swayed",
    "no_data": "Data is missing",
    "learning": "Still learning",
    "closed": "Closed, but still there",
    "steady": "No change found",
    "stale": "Out of date",
    "few": "Too little data to tell",
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
    if found := facts.open_alerts("MODEL"):
        return _changed(found, facts, notices)
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
    if facts.closed:
        return _closed(facts, notices)
    return _steady(facts, notices)


def _changed(found: Sequence[Row], facts: Facts, notices: tuple[str, ...]) -> Verdict:
    first, *others = changes.together(found, facts)
    subject = facts.subject if changes.is_headline(first, facts) else "Style or helpfulness"
    told = listed(changes.moved(alert, facts) for alert in [first, *others][:SHOWN])
    since = changes.since(first, facts)
    details = [*changes.driven(first, facts)]
    if (turn := changes.turn(found, facts)) == "has fallen" and facts.gauges:
        details.append(
            "Less of it can be a correction that went too far: see "
            f"{changes.names(facts.gauges, facts)} below."
        )
    apart = [change(alert, facts) for alert in found if alert not in (first, *others)]
    details += apart[:SHOWN]
    if (left := len(others) + 1 - SHOWN + len(apart[SHOWN:])) > 0:
        details.append(f"{counted(left, 'further change')}: see the charts below.")
    if suspected := facts.suspected:
        told_too = listed(changes.moved(alert, facts) for alert in suspected[:SHOWN])
        details.append(f"Suspected, but not yet sure enough to page: {told_too}.")
    if closed := changes.closed(facts):
        details.append(f"Closed by people, but still there: {closed}.")
    if same := changes.quiet(facts):
        details.append(f"No change found in {changes.names(same, facts)}.")
    details += _of_users(facts)
    return Verdict(
        "change",
        f"{subject} of {facts.family} {turn}{since}: {told}.",
        tuple(capital(detail) for detail in details),
        f"{_false_alarms(facts)} {doubt(facts)}".strip(),
        notices,
    )


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
    assurance = "Until then no drift can be called."
    if done:
        watched = changes.names(list(dict.fromkeys(done)), facts)
        assurance = f"Already watched: {watched}. {assurance}"
    return Verdict(
        "learning",
        f"Learning what is normal for {facts.family}: {when}.",
        assurance=assurance,
        notices=notices,
    )


def _closed(facts: Facts, notices: tuple[str, ...]) -> Verdict:
    """To close an alert says what it was, not that it went away."""
    return Verdict(
        "closed",
        f"A change of {facts.family} was closed by people, but is still seen{until(facts.day)}: "
        f"{changes.closed(facts)}.",
        (f"No other change was found in {changes.names(same, facts)}.",)
        if (same := changes.quiet(facts))
        else (),
        "If the signals last, an alert opens anew.",
        notices,
    )


def _began_learning(facts: Facts) -> date:
    """First day of what is learnt: of the newest baseline, where some were made anew."""
    first = min(row["day"] for row in facts.signals)
    young = {row["behaviour"] for row in facts.latest if row["phase"] == "baseline"}
    resets = (standing(behaviour, facts) for behaviour in young)
    return max([first, *(reset["from_day"] for reset in resets if reset)])


def _steady(facts: Facts, notices: tuple[str, ...]) -> Verdict:
    if not sight.power(facts):
        return Verdict(
            "unknown",
            f"No change of {facts.family} was called{until(facts.day)}, but it is not known what "
            "change could have been seen.",
            assurance="A verdict needs a power statement; none was computed for these series.",
            notices=notices,
        )
    told = f"No change of {facts.family} found{until(facts.day)}"
    details = []
    if suspected := facts.suspected:
        moved = listed(changes.moved(alert, facts) for alert in suspected[:SHOWN])
        details.append(f"Suspected, but not yet sure enough to call: {moved}.")
    details += _of_users(facts)
    status: Status = "steady"
    if gaps(facts):
        status, told = "no_data", f"{told}, in the data there is"
    elif notices:
        status, told = "stale", f"{told}, in the data there is"
    elif few := sight.too_few(facts):
        status = "few"
        told += f", but there is too little data to see even a doubling of {_bad(few, facts)}"
    elif doubtful := unproven(facts):
        status, told = "unknown", f"{told}, but {doubtful}"
    return Verdict(
        status,
        f"{told}.",
        tuple(details),
        "Smaller or newer changes may be there unseen.",
        notices,
    )


def _of_users(facts: Facts) -> list[str]:
    """Warnings that what users come with has moved, which is no change of the model."""
    found = [
        row
        for row in facts.alerts
        if row["state"] == "pending" and row["type"] in ("TRAFFIC", "UNATTRIBUTED")
    ]
    return [statement(row) or named(row, facts) for row in found[:SHOWN]]


def _bad(few: Sequence[str], facts: Facts) -> str:
    """Behaviours too seldom seen; of a good one it is the loss that matters."""
    bad = [name for name in few if not facts.is_good(name)]
    good = [name for name in few if facts.is_good(name)]
    parts = [changes.names(bad, facts)] if bad else []
    parts += [f"a loss of {changes.names(good, facts)}"] if good else []
    return " or ".join(parts)


def _false_alarms(facts: Facts) -> str:
    years = facts.about.get("average_run_length_years")
    if not years:
        return ""
    return f"False alarms are expected once in {counted(round(years), 'year')}."


def _on(day: date | None) -> str:
    return f" on {short_day(day)}" if day else ""
