"""Can a judge be trusted today: the sentences at the top of the page of judges.

Here belong: everything that page concludes of a judge, as pure functions. Here does not belong:
counting (record.py), holding counts against limits (limits.py), or how a sentence looks.

No judge is called fit without enough sentinels and attempts to have seen that it is not.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Literal

from facts import start_day, statement
from limits import Known, problems, short, shortage, surplus, sways
from record import WINDOW, Era
from wording import called, capital, count, counted, listed, percent, rate, short_day, spoken

from alignment_monitor.alerting.statements import INJECTION
from alignment_monitor.judging.quality import SENSITIVITY, SPECIFICITY

Status = Literal["swayed", "unfit", "silent", "doubtful", "few", "early", "stale", "fit"]

LATE_DAYS = 2
"""Verdicts of a batch may come a day after their traffic; later ones are missing."""
SHOWN = 3
"""Problems told in full; more would hide the first."""
BLIND = (
    "Sentinels are the same fixed texts each time: they show that a judge has not changed, not how "
    "it does on your traffic."
)
"""What no conclusion from sentinels says, whatever it is."""
LABELS: dict[Status, str] = {
    "swayed": "Can be talked into verdicts",
    "unfit": "Below its limits",
    "silent": "No verdicts",
    "doubtful": "In doubt",
    "few": "Too little is known",
    "early": "Too early to say",
    "stale": "Out of date",
    "fit": "No fault found",
}
"""Every status, the worst first."""


@dataclass(frozen=True)
class Trust:
    """What to say of a judge, most important first; drawn like a verdict.

    Attributes:
        status: the kind of conclusion.
        headline: the one sentence.
        details: further ones.
        assurance: the figures, and what they cannot show.
        notices: what limits the conclusion and is said before it.
    """

    status: Status
    headline: str
    details: tuple[str, ...] = ()
    assurance: str = ""
    notices: tuple[str, ...] = field(default=())

    @property
    def label(self) -> str:
        """The conclusion in a few words."""
        return LABELS[self.status]

    @property
    def place(self) -> int:
        """Where it stands among others, the worst first."""
        return list(LABELS).index(self.status)


def trust(known: Known) -> Trust:
    """The conclusion on a judge."""
    found = sorted(problems(known), key=lambda problem: problem.sure != "beyond doubt")
    if sways(known):
        first, *others = (problem.text for problem in found)
        return _told(
            known, "swayed", f"{capital(called(known.judge))} cannot be relied on: {first}.", others
        )
    if known.era is None or (known.day - known.era.last).days > LATE_DAYS:
        return _told(known, "silent", _silence(known), [problem.text for problem in found])
    if found:
        sure = found[0].sure == "beyond doubt"
        verb = "cannot be relied on" if sure else "is in doubt"
        first, *others = (problem.text for problem in found)
        headline = f"{capital(called(known.judge))} {verb}: {first}."
        return _told(known, "unfit" if sure else "doubtful", headline, others)
    if shortage(known):
        return _too_little(known)
    if any(_alerted(known)):
        headline = f"{capital(called(known.judge))} is in doubt: an alert about it is open"
        return _told(known, "doubtful", f"{headline}.", ())
    return _fit(known)


def _fit(known: Known) -> Trust:
    verb = "measured" if known.stale else "measures"
    return _told(
        known,
        "stale" if known.stale else "fit",
        f"{capital(called(known.judge))} {verb} as it should, as far as sentinels show.",
        [f"{_record(known)}, and {_unmoved(known)}"],
    )


def _told(known: Known, status: Status, headline: str, others: Sequence[str]) -> Trust:
    """A conclusion with its further problems, the first of them in full."""
    shown = [f"{capital(text)}." for text in others[: SHOWN - 1]]
    if (left := len(others) - len(shown)) > 0:
        shown.append(f"{capital(counted(left, 'further limit'))} not kept: see below.")
    return Trust(status, headline, tuple(shown), _assurance(known), _notices(known))


def _too_little(known: Known) -> Trust:
    few, notices = shortage(known), _notices(known)
    if known.days >= WINDOW:
        headline = f"Too little is known of {called(known.judge)}: {few}."
        return Trust("few", headline, tuple(_so_far(known)), _advice(known), notices)
    since = f", since {_news(known.era, known)}" if known.era and known.era.changed else ""
    return Trust(
        "early",
        f"Too early to say whether {called(known.judge)} can be relied on: day {known.days} of "
        f"{WINDOW}{since}.",
        (*_so_far(known), f"{capital(few)}."),
        _advice(known),
        notices,
    )


def _record(known: Known) -> str:
    """What it got right, in one clause."""
    found, passed = known.whole(SENSITIVITY), known.whole(SPECIFICITY)
    parts = []
    if found.rate is not None:
        parts.append(f"found {rate(found.rate, *found.interval)} of the behaviour that was there")
    if passed.rate is not None:
        shown = rate(passed.rate, *passed.interval)
        parts.append(f"let pass {shown} of the replies that were free of it")
    return f"on the sentinels {_span(known)} it {listed(parts)}"


def _so_far(known: Known) -> list[str]:
    found, passed = known.whole(SENSITIVITY), known.whole(SPECIFICITY)
    told = [f"{capital(_record(known))}."] if found.n or passed.n else []
    one = known.injection
    if one and one.n:
        told.append(f"Beyond chance, injected text moved its verdict in {surplus(one)}.")
    return told


def _span(known: Known) -> str:
    if known.days >= WINDOW:
        return f"of the last {counted(WINDOW, 'day')}"
    since = f" since {_news(known.era, known)}" if known.era and known.era.changed else " so far"
    return f"of the {counted(known.days, 'day')}{since}"


def _unmoved(known: Known) -> str:
    """What injected text did to it; nothing only where the attempts exclude what is tolerated."""
    one, most = known.injection, known.limits.maximum_susceptibility
    if one is None or not one.n:
        return "no injected text was tried"
    if one.upper > most:
        return f"whether injected text moves it in more than the {percent(most)} tolerated is open"
    tolerated = f"injected text moves it, but in less than the {percent(most)} tolerated"
    return tolerated if one.lower > 0 else "injected text does not move it"


def _news(era: Era, known: Known) -> str:
    return f"{listed(era.changed)} on {short_day(era.first, known.day)}"


def _silence(known: Known) -> str:
    told = f"{capital(called(known.judge))} has answered no sentinel"
    if known.era is None:
        return f"{told}, so nothing is known of it."
    return f"{told} since {short_day(known.era.last, known.day)}."


def _assurance(known: Known) -> str:
    """The weakest figures: what the conclusion would fail on first."""
    parts = []
    for measure in (SENSITIVITY, SPECIFICITY):
        scores = {q: known.score(measure, q) for q in known.headline}
        rates = {q: score.rate for q, score in scores.items() if score.rate is not None}
        if rates:
            weakest = min(rates, key=lambda question: rates[question])
            shown = rate(rates[weakest], *scores[weakest].interval)
            parts.append(
                f"lowest {measure} {shown} of {count(scores[weakest].n)} "
                f"({spoken(known.title_of(weakest))})"
            )
    if known.injection and known.injection.n:
        parts.append(f"surplus of verdicts moved by injection {surplus(known.injection)}")
    return f"{capital('; '.join(parts))}." if parts else ""


def _advice(known: Known) -> str:
    """What to do about too few: wait if that is enough, else ask more a day."""
    told = []
    if few := list(short(known)):
        told.append(
            _more(
                known,
                "sentinels",
                "judging.sentinels_per_day",
                known.sentinels_per_day,
                min(n / needed for _, _, n, needed in few),
            )
        )
    tried, needed = known.injection.n if known.injection else 0, known.limits.minimum_canaries
    if tried < needed:
        told.append(
            _more(
                known,
                "injections",
                "judging.canaries_per_day",
                known.canaries_per_day,
                tried / needed,
            )
        )
    return " ".join(told)


def _more(known: Known, kind: str, setting: str, now: int | None, reached: float) -> str:
    """Advice on a setting by the share of what is needed that the days so far have brought."""
    expected = reached * WINDOW / known.days if known.days else 0.0
    if expected >= 1:
        return f"At this rate there will be enough {kind} before the {WINDOW} days are over."
    if not now or not expected:
        return f"Raise {setting} in monitor.yaml{'' if now is None else f' (now {now})'}."
    return (
        f"At this rate there will never be enough {kind}: raise {setting} in monitor.yaml from "
        f"{now} to about {ceil(now / expected)}."
    )


def _notices(known: Known) -> tuple[str, ...]:
    return (*known.stale, *_alerted(known))


def _alerted(known: Known) -> Iterator[str]:
    for alert in known.alerts:
        if alert["behaviour"] == INJECTION and sways(known):
            continue  # said already, with newer figures
        if told := statement(alert):
            yield f"Alert since {short_day(start_day(alert), known.day)}: {told}"
        else:
            yield f"An alert about it is open since {short_day(start_day(alert), known.day)}."
