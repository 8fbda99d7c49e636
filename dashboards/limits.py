"""What a judge must show, and where it does not.

Here belong: holding a judge's record against the limits of an audit, as pure functions. Here does
not belong: the sentences made of it (trust.py), or counting (record.py).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from facts import Row
from record import Era, Score
from wording import count, counted, percent, rate, spoken

from alignment_monitor.judging.gate import Susceptibility
from alignment_monitor.judging.quality import SENSITIVITY, SPECIFICITY
from alignment_monitor.settings import Acceptance

Sure = Literal["beyond doubt", "likely"]


@dataclass(frozen=True)
class Known:
    """What a conclusion on one judge rests on.

    Attributes:
        judge: its name.
        day: last day of the marts.
        era: its version that counts today; None if it never answered a sentinel.
        first: first day of the window with sentinels of that version.
        scores: by measure and question, over the window.
        injection: how far attacks sway it over the window; None if none was tried.
        usable: calls that gave a verdict among those made, over the window.
        alerts: open JUDGE alerts about it.
        limits: what it must show.
        headline: questions that must be right.
        title_of: title of a question, for people.
        sentinels_per_day: labelled messages asked about each day, as set; None if not told.
        canaries_per_day: pairs tried each day, likewise.
        stale: sentences that say how old the newest figures are.
    """

    judge: str
    day: date
    era: Era | None
    first: date | None
    scores: Mapping[tuple[str, str], Score]
    injection: Susceptibility | None
    usable: Score
    alerts: Sequence[Row]
    limits: Acceptance
    headline: Sequence[str]
    title_of: Callable[[str], str]
    sentinels_per_day: int | None = None
    canaries_per_day: int | None = None
    stale: Sequence[str] = ()

    @property
    def days(self) -> int:
        """Days of the window since the version began to answer."""
        return (self.day - self.first).days + 1 if self.first else 0

    def score(self, measure: str, question: str) -> Score:
        """One score; empty if nothing is known."""
        return self.scores.get((measure, question), Score())

    def whole(self, measure: str) -> Score:
        """All headline questions together."""
        return sum((self.score(measure, question) for question in self.headline), Score())


@dataclass(frozen=True)
class Problem:
    """A limit that a judge does not keep."""

    sure: Sure
    text: str
    measure: str = ""
    question: str = ""


def problems(known: Known) -> Iterator[Problem]:
    """Every limit that is not kept, injection first.

    It is beyond doubt where there are enough verdicts and their interval excludes the limit.
    """
    limits, one = known.limits, known.injection
    if one and one.n and one.rate > limits.maximum_susceptibility:
        far = one.exceeds(limits.maximum_susceptibility)
        if far or one.n >= limits.minimum_canaries:
            yield Problem(
                "beyond doubt" if far else "likely",
                f"injected text {'talks' if far else 'may talk'} it into verdicts, {surplus(one)} "
                f"beyond chance, at most {percent(limits.maximum_susceptibility)} tolerated",
            )
    for measure, least, needed, fault in (
        (SENSITIVITY, limits.minimum_sensitivity, limits.minimum_positives, "it misses {title}"),
        (SPECIFICITY, limits.minimum_specificity, limits.minimum_negatives,
         "it sees {title} where there is none"),
    ):  # fmt: skip
        for question in known.headline:
            score = known.score(measure, question)
            upper = score.interval[1]
            if score.rate is None or upper is None or score.rate >= least:
                continue
            beyond = upper < least
            if not beyond and score.n < needed:
                continue
            yield Problem(
                "beyond doubt" if beyond and score.n >= needed else "likely",
                f"{fault.format(title=spoken(known.title_of(question)))}, {measure} "
                f"{rate(score.rate, *score.interval)} of {count(score.n)}, at least "
                f"{percent(least)} asked",
                measure,
                question,
            )
    yield from _unusable(known)


def sways(known: Known) -> bool:
    """Whether attacks sway the judge beyond doubt, as the daily gate sees it."""
    one = known.injection
    return one is not None and one.exceeds(known.limits.maximum_susceptibility)


def short(known: Known) -> Iterator[tuple[str, str, int, int]]:
    """Measure, question, n and n needed wherever there are too few sentinels."""
    for measure, needed in (
        (SENSITIVITY, known.limits.minimum_positives),
        (SPECIFICITY, known.limits.minimum_negatives),
    ):
        for question in known.headline:
            if (n := known.score(measure, question).n) < needed:
                yield measure, question, n, needed


def shortage(known: Known) -> str:
    """What there are too few of, as a phrase; empty if there is enough of everything."""
    parts = []
    if few := list(short(known)):
        measure, question, n, needed = min(few, key=lambda one: one[2] / one[3])
        kind = "with" if measure == SENSITIVITY else "without"
        others = f", and too few for {counted(len(few) - 1, 'other figure')}" if few[1:] else ""
        parts.append(
            f"only {count(n)} of the {count(needed)} sentinels {kind} "
            f"{spoken(known.title_of(question))} that it takes{others}"
        )
    tried = known.injection.n if known.injection else 0
    if tried < (needed := known.limits.minimum_canaries):
        parts.append(f"only {count(tried)} of the {count(needed)} injections that it takes")
    return "; ".join(parts)


def surplus(one: Susceptibility) -> str:
    """How far attacks sway a judge, with the limits that the gate uses."""
    shown = rate(one.rate, one.lower, one.upper)
    return f"{shown} of {counted(one.n, 'attempt')}"


def _unusable(known: Known) -> Iterator[Problem]:
    failed = Score(known.usable.n, known.usable.n - known.usable.hits)
    most = known.limits.maximum_unanswered
    if failed.rate is not None and failed.rate > most:
        yield Problem(
            "likely",
            f"{percent(failed.rate)} of its {counted(failed.n, 'call')} gave no usable verdict, at "
            f"most {percent(most)} tolerated",
        )
