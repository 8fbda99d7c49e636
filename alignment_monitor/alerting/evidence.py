"""What an alert carries: its figures, and what led a person from them to the data.

Here belong: the bundle of evidence as pure functions of stored rows. Here does not belong: reading
them (``resources.evidence``) or the words of the sentence (``statements``). Text of conversations
enters only as excerpts that the caller was told to give.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from shlex import quote
from typing import Any
from urllib.parse import urlencode

from alignment_monitor.alerting.lifecycle import Transition
from alignment_monitor.alerting.statements import power, statement
from alignment_monitor.statistics.row_hashes import hash_of

Row = Mapping[str, Any]

SHOWN = 5
"""Segments, exemplars and movers that a bundle carries at most."""

DECIDED = (
    "day", "series", "decision", "phase", "observed", "n", "z", "statistic", "threshold",
    "change_day", "effect", "effect_lower", "effect_upper", "evidence_hash",
)  # fmt: skip
"""What is kept of a decision, in every digit, so that it can be recomputed and compared."""


@dataclass(frozen=True)
class Background:
    """What was looked up beside a signal's own figures.

    Attributes:
        decomposition: parts of the last 7 days' difference from the baseline: mix of segments,
            rate within them, judge; null where it is not known.
        moved: behaviours and opportunities of the family that moved most since the change.
        exemplars: messages that show the change, most telling first; null: not to be told.
        judges: health of each judge.
        judged_share: share of sampled messages judged over the last 7 days; null: none sampled.
        annotation: what people or the data marked nearest to the first day of the change.
    """

    decomposition: Row | None = None
    moved: Mapping[str, Sequence[Row]] | None = None
    exemplars: Sequence[Row] | None = None
    judges: Sequence[Row] = ()
    judged_share: float | None = None
    annotation: Row | None = None


def evidence(
    signal: Row,
    estimates: Sequence[Row],
    drivers: Sequence[Row],
    *,
    title: str,
    dashboard_url: str,
    simulated: bool,
    background: Background | None = None,
) -> dict[str, Any]:
    """The evidence bundle of a signal, fit for JSON.

    Args:
        signal: row of drift_signals.
        estimates: rows of the family's 7-day estimate of the behaviour; the rate that users get is
            preferred to the standardised one.
        drivers: segments that moved most, as computed.
        title: the behaviour's title, for people.
        dashboard_url: where the dashboard is served.
        simulated: the verdicts are not real.
        background: what was looked up beside.
    """
    decided = {name: exact(signal[name]) for name in DECIDED}
    links = _links(signal, title, dashboard_url)
    known = background or Background()
    signal, estimate = _plain(signal), _preferred([_plain(row) for row in estimates])
    return {
        "series": signal["series"],
        "type": signal["type"],
        "behaviour": signal["behaviour"],
        "behaviour_title": title,
        "deployment_family": signal["deployment_family"],
        "direction": signal["direction"],
        "day": signal["day"],
        "statement": statement(signal, estimate, title, simulated),
        "value": estimate.get("prevalence", signal["observed"]),
        "lower": estimate.get("lower"),
        "upper": estimate.get("upper"),
        "mode": estimate.get("mode"),
        "baseline": signal["baseline_mean"],
        "n": estimate.get("n", signal["n"]),
        "effective_n": estimate.get("effective_n", signal["effective_n"]),
        "start_day": signal["change_day"],
        "nearest_deployment": signal["nearest_deployment"],
        "nearest_annotation": _plain(known.annotation),
        "effect": signal["effect"],
        "effect_lower": signal["effect_lower"],
        "effect_upper": signal["effect_upper"],
        "average_run_length_days": signal["average_run_length_days"],
        "detectable_7d": signal["detectable_7d"],
        "detectable_30d": signal["detectable_30d"],
        "power": power(signal),
        "segment": signal["segment"],
        "margin": signal["margin"],
        "judge_effect": signal["judge_effect"],
        "labels": _labels(signal),
        "drivers": _plain(list(drivers)[:SHOWN]),
        "moved": _plain(known.moved),
        "decomposition": _plain(known.decomposition),
        "exemplars": _linked(known.exemplars, dashboard_url),
        "judges": _plain(list(known.judges)),
        "judged_share": _plain(known.judged_share),
        "evidence_hash": signal["evidence_hash"],
        "decided": decided,
        "link": links["page"],
        "links": links,
        "simulated": simulated,
    }


def run_evidence(
    signal: Row, reason: str, inputs: Mapping[str, Any], *, dashboard_url: str
) -> dict[str, Any]:
    """The evidence bundle of a run that failed or that did not come.

    Args:
        signal: what stands for it among signals.
        reason: one sentence, without text of conversations.
        inputs: what the decision rests on, fit for JSON: there are no stored rows of it.
        dashboard_url: where the dashboard is served.
    """
    signal = {**signal, "evidence_hash": hash_of({}, inputs) if inputs else None}
    bundle = evidence(signal, [], [], title="Run", dashboard_url=dashboard_url, simulated=False)
    return {**bundle, "statement": reason, "inputs": dict(inputs)}


def ended(transition: Transition) -> dict[str, Any]:
    """What is added to the evidence of an alert that ended: why, and who declared what normal."""
    reset = transition.reset
    return {
        "ended": transition.ended,
        "reset": None if reset is None else _plain(reset._asdict()),
    }


def if_expected(alert_id: str) -> str:
    """The command that makes what an alert tells of the new normal."""
    return f'alignment-monitor rebaseline --alert {alert_id} --reason "why it was expected"'


def _linked(exemplars: Sequence[Row] | None, dashboard_url: str) -> list[dict[str, Any]] | None:
    """Messages, each with the page that shows it."""
    if exemplars is None:
        return None
    root = dashboard_url.rstrip("/")
    return [
        {
            **_plain(row),
            "link": f"{root}/conversations?"
            + urlencode({"conversation": row["conversation_id"], "message": row["message_index"]}),
        }
        for row in exemplars[:SHOWN]
    ]


def _labels(signal: Row) -> dict[str, Any] | None:
    """What people's labels say, as logs of e-values; null where nobody labels."""
    if signal["labels_statistic"] is None:
        return None
    names = ("statistic", "for", "against", "wanted")
    return {name: signal[f"labels_{name}"] for name in names}


def _links(signal: Row, title: str, dashboard_url: str) -> dict[str, str]:
    """Where to look: the page of the alert's type, then the data and the arithmetic behind it."""
    root = dashboard_url.rstrip("/")
    if signal["type"] == "PIPELINE":
        return {"page": f"{root}/health"}
    if signal["type"] == "JUDGE":
        return {"page": f"{root}/judges?{urlencode({'judge': signal['deployment_family']})}"}
    first = signal["change_day"] or signal["day"]
    query = [("days", first), ("days", signal["day"])]
    if signal["type"] == "MODEL":  # of opportunities no page makes a choice
        query.append(("flagged", title))
    return {
        "page": f"{root}/?{urlencode({'family': signal['deployment_family']})}",
        "conversations": f"{root}/conversations?{urlencode(query)}",
        "explain": f"alignment-monitor explain {quote(signal['series'])} {signal['day']}",
    }


def _preferred(estimates: Sequence[Row]) -> Row:
    known = [row for row in estimates if row["prevalence"] is not None]
    return max(
        known, key=lambda row: (not row["standardised"], row["version"], row["n"]), default={}
    )


def _plain(value: Any) -> Any:
    """A value that JSON has: days as text, numbers with the digits they deserve, no NaN."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return float(f"{value:.4g}") if math.isfinite(value) else None
    return value.item() if hasattr(value, "item") else value


def exact(value: Any) -> Any:
    """A value that JSON has, with every digit that it had."""
    return value if isinstance(value, float) and math.isfinite(value) else _plain(value)
