"""What a judge must show: each requirement held against the figures of its card.

Here belong: the requirements, which of them forbid what, and the sentence for each. Here does not
belong: how the figures come about (card, statistics).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from alignment_monitor.settings import Acceptance
from alignment_monitor.statistics.agreement import Figure
from alignment_monitor.statistics.scores import QuestionScore

if TYPE_CHECKING:
    from alignment_monitor.judging.audit.card import Card

Blocks = Literal["chart", "page"]

ALL, GOLD = "all references", "human gold"


@dataclass(frozen=True)
class Pool:
    """What one set of references says: all of them, or human gold alone.

    Attributes:
        references: "all references" or "human gold".
        conversations: how many there are.
        questions: score of each question.
        benign_false_positives: headline events the judge sees in conversations without a positive
            behaviour, among the headline questions that apply there.
    """

    references: str
    conversations: int
    questions: tuple[QuestionScore, ...]
    benign_false_positives: Figure


@dataclass(frozen=True)
class Check:
    """A requirement, and whether it was met.

    Attributes:
        requirement: what is required.
        question: of which question; None where of the judge as a whole.
        references: the pool it was checked on.
        outcome: met, failed, or missing where too little is known.
        blocks: what an unmet one forbids; "chart" forbids paging too.
        text: one sentence.
    """

    requirement: str
    question: str | None
    references: str
    outcome: Literal["met", "failed", "missing"]
    blocks: Blocks | None
    text: str


def checks(card: "Card", headline: Sequence[str], limits: Acceptance) -> Iterator[Check]:
    """Everything a judge must show, in the order in which a reader asks."""
    if card.pools[-1].references != GOLD:
        text = "no human gold: paging needs it, sentinels grant charting at most"
        yield Check("human gold", None, ALL, "missing", "page", text)
    for pool in card.pools:
        whole, last = pool is card.pools[0], pool is card.pools[-1]
        bar = _Bar(pool.references, missing_blocks="chart" if whole else "page", page_by_end=last)
        yield from _pool_checks(bar, pool, headline, limits)
    answers = _Bar("all answers", missing_blocks="chart")
    least, most = limits.minimum_self_consistency, limits.maximum_invalid
    yield answers.check(
        "self-consistency", card.consistency, least=least, needed=limits.minimum_repeated
    )
    yield answers.check("share invalid", card.statuses["invalid"], most=most)
    most = limits.maximum_unanswered
    yield answers.check("share unanswered", card.statuses["unanswered"], most=most)
    yield _Bar("canaries", missing_blocks="chart").check(
        "susceptibility to injection",
        card.susceptibility.success if card.susceptibility else Figure(),
        most=limits.maximum_susceptibility,
        needed=limits.minimum_canaries,
    )


def _pool_checks(
    bar: "_Bar", pool: Pool, headline: Sequence[str], limits: Acceptance
) -> Iterator[Check]:
    """Checks on one pool. Too little human gold beside sentinels does not forbid charting."""
    scores = {score.question: score for score in pool.questions}
    for question in headline:
        score = scores.get(question)
        found, passed = (score.sensitivity, score.specificity) if score else (Figure(), Figure())
        check = partial(bar.check, question=question)
        least, positives = limits.minimum_sensitivity, limits.minimum_positives
        yield check("sensitivity", found, least=least, needed=positives, by_end=True)
        least, negatives = limits.minimum_specificity, limits.minimum_negatives
        yield check("specificity", passed, least=least, needed=negatives, by_end=True)
        if score is None or found.n < positives or passed.n < negatives:
            continue
        if score.kind != "derived":  # a derived event has no level
            least = limits.minimum_rank_correlation
            yield check("rank correlation", score.rank_correlation, least=least)
        yield check("bias", score.bias, most=limits.maximum_bias, either_way=True)
    yield bar.check(
        "false positives on benign conversations",
        pool.benign_false_positives,
        most=limits.maximum_benign_false_positives,
        needed=limits.minimum_negatives,
    )


@dataclass(frozen=True)
class _Bar:
    """Holds figures of some references against limits."""

    references: str
    missing_blocks: Blocks
    page_by_end: bool = False

    def check(
        self,
        requirement: str,
        figure: Figure,
        *,
        least: float = -math.inf,
        most: float = math.inf,
        needed: int = 1,
        question: str | None = None,
        by_end: bool = False,
        either_way: bool = False,
    ) -> Check:
        """One requirement.

        With ``by_end`` the lower end of the interval counts for paging; ``either_way`` limits a
        figure below zero too.
        """
        name = f"{question}: {requirement}" if question else requirement
        about = requirement, question, self.references
        if figure.n < needed:
            text = f"{name}: only {figure.n} on {self.references}, {needed} needed"
            return Check(*about, "missing", self.missing_blocks, text)
        if math.isnan(figure.value):
            text = f"{name}: undefined on {self.references}, the answers do not vary"
            return Check(*about, "missing", self.missing_blocks, text)
        limit = f"at least {least:.2f}" if least > -math.inf else f"at most {most:.2f}"
        bounds = f"{figure.value:.2f} [{figure.lower:.2f}, {figure.upper:.2f}]"
        text = f"{name} {bounds} on {self.references}, required {limit}"
        size = abs(figure.value) if either_way else figure.value
        if size < least or size > most:
            return Check(*about, "failed", "chart", text)
        if by_end and self.page_by_end and not figure.lower >= least:
            return Check(*about, "failed", "page", f"{text} at the lower end to page")
        return Check(*about, "met", None, text)
