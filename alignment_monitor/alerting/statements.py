"""What an alert says in one sentence, computed from its figures.

Here belong: the words around a signal's figures, as pure functions of stored rows. Here does not
belong: which figures there are (``evidence``). No text of conversations enters a sentence.
"""

from collections.abc import Mapping
from typing import Any

from alignment_monitor.alerting.alert import OF_TRAFFIC

Row = Mapping[str, Any]

INJECTION = "injection"
"""What a JUDGE signal of the daily gate watches in place of a behaviour."""

NARROW = 0.04
"""A change or an interval smaller than this deserves a decimal."""

POWER_DAYS = (7, 30)

_SUBJECTS = {
    "MODEL": "{title} of {family}",
    "TRAFFIC": "The traffic of {family}: {title}",
}
_UNATTRIBUTED = "{title} of {family}, for a reason that cannot be told apart,"
_REASONS = {
    "TRAFFIC": (
        "; first turns, which owe nothing to the model, moved too, and sentinels clear the judge"
    ),
    "UNATTRIBUTED": (
        "; users, model or judge may be why: first turns did not move likewise, or sentinels do "
        "not clear the judge"
    ),
}


def statement(signal: Row, estimate: Row, title: str, simulated: bool) -> str:
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


def power(signal: Row) -> str | None:
    """What the series would have missed; null where nothing is watched by a rate.

    "Found" is the median: at the change named, about half of such changes are found by then.
    """
    if signal["type"] not in OF_TRAFFIC:
        return None
    rise = "rise" if signal["direction"] == "up" else "fall"
    parts = []
    for days in POWER_DAYS:
        change = signal[f"detectable_{days}d"]
        if change is None:
            parts.append(f"no {rise} would be found within {days} days")
        else:
            parts.append(f"a {rise} of {100 * change:.1f} points within {days} days")
    told = "; ".join(parts)
    return f"Found about half of the time: {told}. A smaller one may be there unseen."


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
    return told + _REASONS.get(signal["type"], "")


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
