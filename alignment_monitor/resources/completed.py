"""The newest day that was monitored from end to end, as its last step noted it.

Here belongs: one small file beside the marts. Here does not belong: when that is too old
(``operations.freshness``). The marts do not tell: sending what waits rewrites some of them.
"""

import json
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

from alignment_monitor.settings import Settings

FILE = "completed.json"


class Completed(NamedTuple):
    """Newest day whose alerts were decided on, and the end of the run that did it."""

    last_day: date
    at: datetime


def note_completed(settings: Settings, day: date, at: datetime) -> None:
    """Note that a day was completed; running an older one again keeps the newest."""
    before = completed(settings)
    newest = max(day, before.last_day) if before else day
    path = _path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    told = {"last_day": newest.isoformat(), "at": at.isoformat(timespec="seconds")}
    temporary.write_text(json.dumps(told), encoding="utf-8")
    temporary.replace(path)


def completed(settings: Settings) -> Completed | None:
    """What was noted last; null if no day was ever completed."""
    path = _path(settings)
    if not path.exists():
        return None
    told = json.loads(path.read_text(encoding="utf-8"))
    return Completed(date.fromisoformat(told["last_day"]), datetime.fromisoformat(told["at"]))


def _path(settings: Settings) -> Path:
    return settings.marts / FILE
