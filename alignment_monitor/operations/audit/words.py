"""The audit card in plain words: numbers as people read them, and a sentence for each requirement.

Here belongs: wording that the terminal and the page share. Here does not belong: any look.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from alignment_monitor.judging.audit.card import Card
from alignment_monitor.judging.audit.checks import ALL, Check, Pool
from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.settings import Acceptance
from alignment_monitor.statistics.agreement import Figure

UNKNOWN = "–"
PERCENT = "\u00a0%"
"""The sign with its space, which no line break may tear from the number."""

VERDICTS = {
    "may page": "Its verdicts may be charted, and may page whoever is on call.",
    "may chart": "Its verdicts may be charted. They may not page anyone.",
    "do not use": "Its verdicts are not to be relied on.",
}
STATUSES = {
    "refused": "refused to answer",
    "invalid": "broke the rules of an answer",
    "invalid_quote": "of these, quoted what the message does not say",
    "failed": "never came back",
}

Number = Callable[[float], str]


def percent(value: float) -> str:
    """A share: 88 %; one digit more where it is small."""
    if math.isnan(value):
        return UNKNOWN
    shown = 100 * value
    return f"{shown:.1f}{PERCENT}" if 0 < abs(shown) < 9.95 else f"{shown:.0f}{PERCENT}"


def finely(value: float) -> str:
    """A share with one digit more: 89.7 %."""
    return UNKNOWN if math.isnan(value) else f"{100 * value:.1f}{PERCENT}"


def points(value: float) -> str:
    """A difference of shares in percentage points, with its sign."""
    if math.isnan(value):
        return UNKNOWN
    shown = f"{100 * value:+.1f}"
    return "0.0" if shown in ("+0.0", "-0.0") else shown.replace("-", "−")


def coefficient(value: float) -> str:
    """A correlation or the like, two digits."""
    return UNKNOWN if math.isnan(value) else f"{value:.2f}".replace("-", "−")


def interval(figure: Figure, number: Number = percent) -> str:
    """Its 95 % interval: 79 to 94 %; empty where there is none."""
    if math.isnan(figure.lower) or math.isnan(figure.upper):
        return ""
    lower, upper = number(figure.lower), number(figure.upper)
    return f"{lower.removesuffix(PERCENT)} to {upper}"


def with_interval(figure: Figure, number: Number = percent) -> str:
    """A number and its interval: 88 % (79 to 94 %)."""
    around = interval(figure, number)
    return f"{number(figure.value)} ({around})" if around else number(figure.value)


def usd(value: float | None) -> str:
    """An amount of money; small ones with as many digits as say something."""
    if value is None or math.isnan(value):
        return "price unknown"
    digits = 2 if value == 0 else max(2, 1 - math.floor(math.log10(value)))
    return f"{value:,.{digits}f} USD"


def unanswered(statuses: dict[str, Figure]) -> str:
    """Which questions got no usable answer, and why."""
    if statuses["unanswered"].value == 0:
        return f"none: each of {statuses['unanswered'].n:,} questions got a usable answer"
    shares = ((statuses[name].value, told) for name, told in STATUSES.items() if name in statuses)
    return ", ".join(f"{percent(share)} {told}" for share, told in shares if share > 0)


def seconds(value: float) -> str:
    """A duration."""
    if math.isnan(value):
        return UNKNOWN
    return f"{value:.1f} s" if value >= 1 else f"{1000 * value:.0f} ms"


@dataclass(frozen=True)
class _Wording:
    """How a requirement is told: what was found, and what is required.

    Attributes:
        found: with {value} and {n}.
        required: with {limit}.
        missing: with {n} and {needed}.
        number: how its value is written.
        limit: field of ``Acceptance`` with the limit.
        needed: field with the least number of answers.
    """

    found: str
    required: str
    missing: str
    number: Number
    limit: str
    needed: str = ""


_WORDS = {
    "sensitivity": _Wording(
        "finds {value} of the {n} messages that show it",
        "at least {limit} is required",
        "only {n} messages show it, {needed} are needed to say how many of them the judge finds",
        percent,
        "minimum_sensitivity",
        "minimum_positives",
    ),
    "specificity": _Wording(
        "rightly lets pass {value} of the {n} messages without it",
        "at least {limit} is required",
        "only {n} messages with the opportunity are without it, {needed} are needed to say how "
        "many of them the judge lets pass",
        percent,
        "minimum_specificity",
        "minimum_negatives",
    ),
    "rank correlation": _Wording(
        "orders the levels as the labels do with a rank correlation of {value}",
        "at least {limit} is required",
        "its levels do not vary, so that nothing can be said of their order",
        coefficient,
        "minimum_rank_correlation",
    ),
    "bias": _Wording(
        "charts a rate that is off by {value} points",
        "at most {limit} either way is allowed",
        "its bias cannot be computed",
        points,
        "maximum_bias",
    ),
    "false positives on benign conversations": _Wording(
        "sees something in {value} of the {n} questions about conversations without any fault",
        "at most {limit} is allowed",
        "only {n} questions are about conversations without any fault, {needed} are needed",
        percent,
        "maximum_benign_false_positives",
        "minimum_negatives",
    ),
    "self-consistency": _Wording(
        "says the same in {value} of the {n} questions that were put again",
        "at least {limit} is required",
        "only {n} questions were put again and apply, {needed} are needed to say how steady it is",
        percent,
        "minimum_self_consistency",
        "minimum_repeated",
    ),
    "share invalid": _Wording(
        "gives answers against the rules to {value} of the questions",
        "at most {limit} is allowed",
        "gave no answer at all",
        percent,
        "maximum_invalid",
    ),
    "share unanswered": _Wording(
        "leaves {value} of the questions without a usable answer",
        "at most {limit} is allowed",
        "gave no answer at all",
        percent,
        "maximum_unanswered",
    ),
    "susceptibility to injection": _Wording(
        "is talked round in {value} of {n} attempts, beyond chance",
        "at most {limit} is allowed",
        "only {n} attempts to talk it round were answered, {needed} are needed",
        percent,
        "maximum_susceptibility",
        "minimum_canaries",
    ),
}


def sentence(check: Check, card: Card, rubric: Rubric) -> str:
    """A requirement and what was found, as a sentence."""
    wording = _WORDS.get(check.requirement)
    if wording is None:
        return _plain(check)
    limits, figure = card.thresholds, figure_of(check, card)
    subject = f"{rubric.title_of(check.question)}: the judge" if check.question else "The judge"
    if check.outcome == "missing":
        subject = f"{rubric.title_of(check.question)}:" if check.question else "Too little known:"
        told = wording.missing.format(n=figure.n, needed=getattr(limits, wording.needed, ""))
        return f"{subject} {told}{_on(check, card)}."
    # A limit must not seem to be met by rounding.
    number = finely if (wording.number, check.outcome) == (percent, "failed") else wording.number
    told = wording.found.format(value=with_interval(figure, number), n=figure.n)
    required = wording.required.format(limit=_limit(wording, limits))
    if check.blocks == "page" and check.outcome == "failed":
        required += " at the lower end to page"
    return f"{subject} {told}{_on(check, card)}; {required}."


def figure_of(check: Check, card: Card) -> Figure:
    """The figure that a requirement was held against; an empty one if there is none."""
    whole = {
        "self-consistency": card.consistency,
        "share invalid": card.statuses["invalid"],
        "share unanswered": card.statuses["unanswered"],
        "susceptibility to injection": (
            card.susceptibility.success if card.susceptibility else Figure()
        ),
    }
    if check.requirement in whole:
        return whole[check.requirement]
    pool = next(pool for pool in card.pools if pool.references == check.references)
    if check.question is None:
        return pool.benign_false_positives
    return _scored(pool, check.question, check.requirement)


def _scored(pool: Pool, question: str, requirement: str) -> Figure:
    score = next((score for score in pool.questions if score.question == question), None)
    found: Figure = getattr(score, requirement.replace(" ", "_"), Figure())
    return found


def _limit(wording: _Wording, limits: Acceptance) -> str:
    value = float(getattr(limits, wording.limit))
    if wording.number is points:
        return f"{100 * value:g} points"
    return f"{100 * value:g}{PERCENT}" if wording.number is percent else wording.number(value)


def _on(check: Check, card: Card) -> str:
    """On which labels, where there are two kinds."""
    if len(card.pools) < 2 or check.references not in {pool.references for pool in card.pools}:
        return ""
    return " (all labels)" if check.references == ALL else " (human labels)"


def _plain(check: Check) -> str:
    if check.requirement == "human gold":
        return (
            "Nobody but the authors of the shipped conversations has labelled these. To page, it "
            "must be audited on conversations that people have labelled."
        )
    return f"{check.text[:1].upper()}{check.text[1:]}."
