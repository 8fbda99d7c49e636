"""How far every two raters agree, judges and people alike, as pure functions.

Here belong: coefficients of pairs from events. Here does not belong: where events come from
(judged.py), or the panel as a whole (record.py).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from alignment_monitor.judging.audit.annotators import is_final
from alignment_monitor.statistics.agreement import (
    bootstrap_interval,
    gwet_ac1,
    quadratic_kappa,
    raw_agreement,
)

PEOPLE = "people"
"""The rater that stands for all who labelled: what most of them said."""
UNIT = ["day", "conversation_id", "message_index"]
REPLICATES = 400
EVENT = (0.0, 1.0)


@dataclass(frozen=True)
class Pair:
    """Two raters on one question.

    Attributes:
        question: of the rubric.
        first: a rater.
        second: another.
        n: messages on which both answered.
        same: share of them with the same answer.
        ac1: Gwet's AC1; None where undefined.
        lower: its 95 % interval, by a bootstrap of whole conversations; None where it has none, as
            where all answers are the same, from which no drawing anew could tell a doubt.
        upper: likewise.
        kappa: Cohen's; None where undefined.
    """

    question: str
    first: str
    second: str
    n: int
    same: float | None
    ac1: float | None
    lower: float | None
    upper: float | None
    kappa: float | None


def people(labels: pd.DataFrame) -> pd.DataFrame:
    """What most people said of each message, or its final label; a tie is no answer.

    Args:
        labels: annotator, the columns of ``UNIT``, question and event (0 or 1).
    """
    final = labels["annotator"].map(is_final).astype(bool)
    settled = final.groupby([labels[name] for name in UNIT]).transform("any")
    labels = labels[final | ~settled]
    share = labels.groupby([*UNIT, "question"], as_index=False)["event"].mean()
    share = share[share["event"] != 0.5]
    return share.assign(rater=PEOPLE, event=(share["event"] > 0.5).astype(float))


def agreements(events: pd.DataFrame, questions: Sequence[str]) -> list[Pair]:
    """Every pair of raters on every question on which both answered about a message.

    Args:
        events: rater, the columns of ``UNIT``, question and event (0 or 1); a row for each answer.
        questions: those wanted, in order.
    """
    raters = sorted(events["rater"].unique(), key=lambda name: (name == PEOPLE, name))
    groups = dict(list(events.groupby("question")))
    found = []
    for question in questions:
        if question not in groups:
            continue
        wide = groups[question].pivot_table(
            index=UNIT, columns="rater", values="event", aggfunc="first"
        )
        found += list(_pairs(question, wide, raters))
    return found


def _pairs(question: str, wide: pd.DataFrame, raters: Sequence[str]) -> Iterator[Pair]:
    for first, second in combinations([name for name in raters if name in wide.columns], 2):
        both = wide[[first, second]].dropna()
        if both.empty:
            continue
        a, b = both[first].to_numpy(float), both[second].to_numpy(float)
        ratings = np.array([a, b])
        lower, upper = bootstrap_interval(
            lambda one, other, weights: gwet_ac1(np.array([one, other]), EVENT, weights=weights),
            a, b, clusters=both.index.get_level_values("conversation_id").to_numpy(str),
            replicates=REPLICATES,
        )  # fmt: skip
        if lower == upper:
            lower = upper = np.nan
        yield Pair(
            question,
            first,
            second,
            len(both),
            _known(raw_agreement(ratings)),
            _known(gwet_ac1(ratings, EVENT)),
            _known(lower),
            _known(upper),
            _known(quadratic_kappa(a, b, EVENT)),
        )


def _known(value: object) -> float | None:
    number = float(value)  # type: ignore[arg-type]
    return None if np.isnan(number) else number
