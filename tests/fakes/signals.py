"""Rows of drift_signals as the detector writes them, and a clock for those who tell of them."""

from datetime import date, timedelta
from typing import Any

from alignment_monitor.contracts import DRIFT_SIGNALS

DEPLOYED = {"aurora": [date(2026, 10, 1) + timedelta(days=number) for number in range(150)]}
"""Something is deployed each day, so that seven quiet days end an alert."""


def signal_row(series: str, day: date, decision: str = "PAGE", /, **changes: Any) -> dict[str, Any]:
    """A row of a series type/family/behaviour/direction, all that is not told being null."""
    kind, family, behaviour, direction = series.split("/")
    row = {
        "day": day,
        "series": series,
        "deployment_family": family,
        "behaviour": behaviour.split(".")[0],
        "direction": direction,
        "type": kind,
        "phase": "watching",
        "decision": decision,
        "n": 60,
        "version": 1,
    }
    return {**dict.fromkeys(DRIFT_SIGNALS.schema.names), **row, **changes}


def history_rows(first: date, decisions: dict[Any, Any]) -> list[dict[str, Any]]:
    """Decisions: name of an alert -> what each day says of it, from the first on."""
    return [
        signal_row(f"MODEL/aurora/{name}/up", first + timedelta(days=number), decision)
        for name, days in decisions.items()
        for number, decision in enumerate(days)
    ]


class Clock:
    """Seconds that pass only where someone waits."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Let them pass."""
        self.seconds += seconds
