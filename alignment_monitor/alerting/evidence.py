"""What an alert says: its figures, and one sentence computed from them.

Here belong: the bundle of evidence as pure functions of stored rows. No text of conversations
enters it, so that nothing said to a model reaches a person's pager.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from urllib.parse import urlencode

from alignment_monitor.alerting.lifecycle import Transition

Row = Mapping[str, Any]

INJECTION = "injection"
"""What a JUDGE signal of the daily gate watches in place of a behaviour."""

NARROW = 0.04
"""A change or an interval smaller than this deserves a decimal."""

_SUBJECTS = {
    "MODEL": "{title} of {family}",
    "TRAFFIC": "The traffic of {family}: {title}",
}
_UNATTRIBUTED = "{title} of {family}, for a reason that cannot be told apart,"


def evidence(
    signal: Row,
    estimates: Sequence[Row],
    drivers: Sequence[Row],
    *,
    title: str,
    dashboard_url: str,
    simulated: bool,
    decomposition: Row | None = None,
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
        decomposition: parts of the last 7 days' difference from the baseline: mix of segments,
            rate within them, judge; none where it is not known.
    """
    signal, estimate = _plain(signal), _preferred([_plain(row) for row in estimates])
    return {
        "series": signal["series"],
        "type": signal["type"],
        "behaviour": signal["behaviour"],
        "behaviour_title": title,
        "deployment_family": signal["deployment_family"],
        "direction": signal["direction"],
        "statement": _statement(signal, estimate, title, simulated),
        "value": estimate.get("prevalence", signal["observed"]),
        "lower": estimate.get("lower"),
        "upper": estimate.get("upper"),
        "mode": estimate.get("mode"),
        "baseline": signal["baseline_mean"],
        "n": estimate.get("n", signal["n"]),
        "effective_n": estimate.get("effective_n", signal["effective_n"]),
        "start_day": signal["change_day"],
        "nearest_deployment": signal["nearest_deployment"],
        "effect": signal["effect"],
        "effect_lower": signal["effect_lower"],
        "effect_upper": signal["effect_upper"],
        "average_run_length_days": signal["average_run_length_days"],
        "detectable_7d": signal["detectable_7d"],
        "detectable_30d": signal["detectable_30d"],
        "drivers": _plain(list(drivers)),
        "decomposition": _plain(decomposition),
        "link": _link(signal, dashboard_url),
        "simulated": simulated,
    }


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


def _statement(signal: Row, estimate: Row, title: str, simulated: bool) -> str:
    """One sentence that says only what is known; ``estimate`` is empty where there is none."""
    if signal["type"] == "PIPELINE":
        told = _coverage(signal)
    elif signal["behaviour"] == INJECTION:
        told = _injection(signal)
    elif signal["type"] == "JUDGE":
        told = _judge(signal, title)
    else:
        told = _change(signal, estimate, title)
    return f"{told} (simulated verdicts)." if simulated else f"{told}."


def _coverage(signal: Row) -> str:
    day, share = signal["day"], signal["observed"]
    family = signal["deployment_family"]
    whose = "" if family == "all" else f" of {family}"
    if share is None:
        return f"No data: there was nothing{whose} to judge on {day}"
    if share == 0:
        return f"No data: not one sampled message{whose} was judged on {day}"
    return f"Only {100 * share:.0f} % of the sampled messages{whose} were judged on {day}"


def _injection(signal: Row) -> str:
    lower, upper = signal["effect_lower"], signal["effect_upper"]
    return (
        f"Text under judgement talks the judge {signal['deployment_family']} into verdicts: "
        f"{100 * signal['observed']:.0f} % {_interval(lower, upper, 0)} of {signal['n']} attempts "
        f"succeed beyond chance, {100 * signal['baseline_mean']:.0f} % are tolerated"
    )


def _judge(signal: Row, title: str) -> str:
    positives = ".sensitivity/" in signal["series"]
    told = (
        f"The judge {signal['deployment_family']} changed: it finds {title} in "
        f"{'more' if signal['direction'] == 'up' else 'fewer'} of the sentinels that "
        f"{'show it' if positives else 'do not show it'}"
    )
    if signal["baseline_mean"] is not None and signal["observed"] is not None:
        told += (
            f", {100 * signal['observed']:.0f} % instead of {100 * signal['baseline_mean']:.0f} %"
        )
    return told if signal["change_day"] is None else f"{told}, since {signal['change_day']}"


def _change(signal: Row, estimate: Row, title: str) -> str:
    unknown = signal["decision"] == "INDETERMINATE"
    subject = _UNATTRIBUTED if unknown else _SUBJECTS.get(signal["type"], _UNATTRIBUTED)
    subject = subject.format(title=title, family=signal["deployment_family"])
    told = f"{subject} {'rose' if signal['direction'] == 'up' else 'fell'}"
    if rates := _rates(signal, estimate):
        told += f" from {rates} in the 7 days to {signal['day']}"
    if signal["effect"] is not None:
        told += f"{':' if rates else ''} by {_points(signal)}"
    if signal["change_day"] is not None:
        told += f" since {signal['change_day']}"
        if signal["nearest_deployment"]:
            told += f", near the start of {signal['nearest_deployment']}"
    return told


def _rates(signal: Row, estimate: Row) -> str:
    before, after = signal["baseline_mean"], estimate.get("prevalence")
    if before is None or after is None:
        return ""
    lower, upper = estimate.get("lower"), estimate.get("upper")
    digits = 1 if abs(after - before) < NARROW else 0
    told = f"{100 * before:.{digits}f} % to {100 * after:.{digits}f} %"
    return told if lower is None or upper is None else f"{told} {_interval(lower, upper, digits)}"


def _points(signal: Row) -> str:
    effect, lower, upper = (signal[name] for name in ("effect", "effect_lower", "effect_upper"))
    digits = 1 if abs(effect) < NARROW else 0
    if signal["direction"] == "down":  # told as a fall by so many points
        effect, lower, upper = -effect, upper and -upper, lower and -lower
    told = f"{100 * effect:.{digits}f} points"
    return told if lower is None or upper is None else f"{told} {_interval(lower, upper, digits)}"


def _interval(lower: float, upper: float, digits: int) -> str:
    return f"[{100 * lower:.{digits}f}, {100 * upper:.{digits}f}]"


def _preferred(estimates: Sequence[Row]) -> Row:
    known = [row for row in estimates if row["prevalence"] is not None]
    return max(
        known, key=lambda row: (not row["standardised"], row["version"], row["n"]), default={}
    )


def _link(signal: Row, dashboard_url: str) -> str:
    root = dashboard_url.rstrip("/")
    if signal["type"] == "PIPELINE":
        return f"{root}/health"
    if signal["type"] == "JUDGE":
        return f"{root}/judges?{urlencode({'judge': signal['deployment_family']})}"
    return f"{root}/?{urlencode({'family': signal['deployment_family']})}"


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
