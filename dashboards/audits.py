"""Audit cards of the home: the newest of a judge, as far as it can be read.

Here belong: finding and reading cards. Here does not belong: making one (``judge audit``).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from alignment_monitor.operations.audit.report import DATA, PAGE
from alignment_monitor.operations.audit.run import FOLDER


@dataclass(frozen=True)
class Audited:
    """One audit of a judge.

    Attributes:
        day: on which it was asked, in UTC.
        verdict: do not use / may chart / may page.
        reasons: why it may not do more.
        fingerprints: of its answers.
        messages: messages with known answers.
        page: the card itself.
    """

    day: date
    verdict: str
    reasons: tuple[str, ...]
    fingerprints: tuple[str, ...]
    messages: int
    page: Path

    def is_of(self, fingerprint: str) -> bool:
        """Whether the judge of this fingerprint is the one that was audited."""
        return fingerprint in self.fingerprints


def newest(home: Path, judge: str) -> Audited | None:
    """The newest card of a judge; None without one that can be read."""
    found = [_read(path) for path in sorted((home / FOLDER).glob(f"*/{DATA}"))]
    mine = [one for name, one in filter(None, found) if name == judge]
    return max(mine, key=lambda one: (one.day, one.page.stat().st_mtime), default=None)


def _read(path: Path) -> tuple[str, Audited] | None:
    try:
        card: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        page = path.with_name(PAGE)
        page.stat()
        return str(card["judge"]), Audited(
            date.fromisoformat(card["day"]),
            str(card["verdict"]),
            tuple(map(str, card["reasons"])),
            tuple(map(str, card["fingerprints"])),
            int(card["messages"]),
            page,
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
