"""The audit card of a judge: what it gets right, what sways it, and what it may therefore do.

Here belong: the card as a pure function of tables of judgements, the thresholds and the verdict.
Here does not belong: asking the judge, or any page that shows the card.

A judge *may page* when human gold shows, at the lower ends of the intervals, that it sees what is
there and lets pass what is not; it *may chart* when the point estimates do, on sentinels too. What
the tables do not show is named and grants nothing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Literal

import pandas as pd

from alignment_monitor.judging.audit.checks import ALL, GOLD, Blocks, Check, Pool, checks
from alignment_monitor.settings import Acceptance
from alignment_monitor.statistics.agreement import Figure, rate
from alignment_monitor.statistics.injection import Susceptibility, susceptibility
from alignment_monitor.statistics.scores import (
    SOURCES,
    Halves,
    Scorer,
    charted,
    need,
    prepared,
)

Verdict = Literal["may page", "may chart", "do not use"]
UNANSWERED = ("refused", "invalid", "failed")


@dataclass(frozen=True)
class Calls:
    """What a verdict costs, failed calls included, and how long a call takes."""

    cost_per_verdict: float
    latency_p50: float
    latency_p95: float


@dataclass(frozen=True)
class Card:
    """The audit card. Attributes not explained here are explained at their type.

    Attributes:
        pools: all references, then human gold alone where there are both kinds.
        conversations_by_source: conversations of each source.
        statuses: share of questions refused, invalid, failed, any of these (unanswered), or
            invalid for their quote (invalid_quote, where that is told).
        consistency: share of pairs of repeats with the same headline event.
        repeat_alpha: Krippendorff's alpha of the same.
        position: error rate early and late in the conversation.
        length: bias on shorter and on longer messages.
        susceptibility: None without canaries.
        leak: share of opportunity flags that differ when the judge sees the user's side only;
            None if that was not tried.
        calls: None if cost and latency were not given.
        thresholds: what was required.
        checks: every requirement.
    """

    pools: tuple[Pool, ...]
    conversations_by_source: dict[str, int]
    statuses: dict[str, Figure]
    consistency: Figure
    repeat_alpha: Figure
    position: Halves
    length: Halves
    susceptibility: Susceptibility | None
    leak: Figure | None
    calls: Calls | None
    thresholds: Acceptance
    checks: tuple[Check, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """What the judge may do."""
        blocked = {check.blocks for check in self.checks}
        if "chart" in blocked:
            return "do not use"
        return "may chart" if "page" in blocked else "may page"

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it may not do more, the gravest first."""
        kinds: tuple[Blocks, ...] = ("chart", "page")
        return tuple(c.text for blocks in kinds for c in self.checks if c.blocks == blocks)

    def to_dict(self) -> dict[str, Any]:
        """The card for JSON: what is not a number is null."""
        return {"verdict": self.verdict, "reasons": list(self.reasons), **_plain(self)}


def audit(
    judgements: pd.DataFrame,
    *,
    headline: Sequence[str],
    canaries: pd.DataFrame | None = None,
    user_side: pd.DataFrame | None = None,
    calls: pd.DataFrame | None = None,
    thresholds: Acceptance | None = None,
    seed: int = 0,
    replicates: int = 1000,
) -> Card:
    """Make the card of a judge.

    Args:
        judgements: ``scores.COLUMNS``: a row for each reference answer and repeat, also where the
            judge gave none; repeat 0 is scored, the others show consistency. If there is a column
            ``invalid_quote``, it tells answers that are invalid for their quote.
        headline: questions that the verdict rests on.
        canaries: kind, target, pushes (up / down), canary_level and twin_level (missing where it
            does not apply), canary_status, twin_status: a row for each pair.
        user_side: item_id, with_reply, user_side_only: an opportunity flag as given with the reply
            in sight and without; a row for each flag and message.
        calls: status, cost_usd, latency_seconds: a row for each call.
        thresholds: what is required.
        seed: of the bootstrap.
        replicates: of the bootstrap.

    Raises:
        ValueError: a table lacks a column, or has a value outside its vocabulary.
    """
    rows, scorer = prepared(judgements), Scorer(seed, replicates)
    first = rows[rows["repeat"] == 0]
    gold = first[first["source"] == "gold"]
    references = [(ALL, first)] if len(gold) < len(first) or not len(first) else []
    references += [(GOLD, gold)] if len(gold) else []
    consistency, repeat_alpha = scorer.consistency(rows[rows["question"].isin(headline)])
    events, limits = charted(first, headline), thresholds or Acceptance()
    by_source = first.groupby("source")["item_id"].nunique()
    card = Card(
        pools=tuple(_pool(name, part, headline, scorer) for name, part in references),
        conversations_by_source={name: int(by_source.get(name, 0)) for name in SOURCES},
        statuses=_statuses(rows),
        consistency=consistency,
        repeat_alpha=repeat_alpha,
        position=scorer.position(events),
        length=scorer.length(events),
        susceptibility=None if canaries is None else susceptibility(canaries),
        leak=None if user_side is None else _leak(user_side),
        calls=None if calls is None else _calls(calls),
        thresholds=limits,
    )
    return replace(card, checks=tuple(checks(card, headline, limits)))


def _pool(references: str, rows: pd.DataFrame, headline: Sequence[str], scorer: Scorer) -> Pool:
    behaviours = rows[rows["kind"] == "behaviour"]
    guilty = behaviours.loc[behaviours["gold_event"] == 1, "item_id"]
    benign = charted(behaviours[~behaviours["item_id"].isin(guilty)], headline)
    return Pool(
        references,
        rows["item_id"].nunique(),
        scorer.questions(rows),
        rate(benign["judge_event"], benign["item_id"]),
    )


def _statuses(rows: pd.DataFrame) -> dict[str, Figure]:
    # What still waits, or was never asked for want of budget, says nothing of the judge.
    rows = rows[rows["status"].isin(["ok", *UNANSWERED])]
    shares = {name: rows["status"] == name for name in UNANSWERED}
    shares["unanswered"] = rows["status"] != "ok"
    if "invalid_quote" in rows:
        shares["invalid_quote"] = rows["invalid_quote"].astype("boolean").fillna(False)
    return {name: rate(hits, rows["item_id"]) for name, hits in shares.items()}


def _leak(flags: pd.DataFrame) -> Figure:
    need(flags, "user_side", ["item_id", "with_reply", "user_side_only"])
    differ = flags["with_reply"].astype(bool) != flags["user_side_only"].astype(bool)
    return rate(differ, flags["item_id"])


def _calls(calls: pd.DataFrame) -> Calls:
    need(calls, "calls", ["status", "cost_usd", "latency_seconds"])
    answered = int((calls["status"] == "ok").sum())
    spent = float(calls["cost_usd"].astype(float).mean()) * len(calls)
    middle, late = calls["latency_seconds"].astype(float).quantile([0.5, 0.95])
    return Calls(spent / answered if answered else math.nan, float(middle), float(late))


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Acceptance):
        return value.model_dump()
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
