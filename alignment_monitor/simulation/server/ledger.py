"""The server's own account of what was asked and what was answered.

Here belong: counts, attempts and the request log, so that a test can reconcile what a client
believes with what really left the server.
"""

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, TextIO

from alignment_monitor.simulation.server.wire import Endpoint

SUCCESS = range(200, 300)


@dataclass(slots=True)
class Entry:
    """One judged request.

    Attributes:
        endpoint: how it arrived.
        key: hash of the judged message.
        attempt: how often this message has been asked about there, this time included.
        fault: name of what it meets, if anything.
        refused: names of the questions refused on their own.
        status: of the answer; null as long as there is none.
        arrived: Unix time.
    """

    endpoint: Endpoint
    key: str
    attempt: int
    fault: str | None = None
    refused: tuple[str, ...] = ()
    status: int | None = None
    arrived: float = field(default_factory=time.time)


class Ledger:
    """Counts requests and writes one line about each once it has ended."""

    def __init__(self, log: TextIO | None = None) -> None:
        self._log = log
        self._attempts: Counter[tuple[Endpoint, str]] = Counter()
        self._requests = Counter(dict.fromkeys(Endpoint, 0))
        self._faults: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._answers_sent = 0
        self._in_flight = 0
        self.rejected = 0
        """Requests that were no judging requests."""

    def begin(self, endpoint: Endpoint, key: str) -> Entry:
        """Count a request that has arrived."""
        self._attempts[endpoint, key] += 1
        self._requests[endpoint] += 1
        self._in_flight += 1
        return Entry(endpoint, key, self._attempts[endpoint, key])

    def add(self, entry: Entry, *, sent: bool) -> None:
        """Count and log a line of a batch; ``sent`` if its answer stands in the output file."""
        self._requests[entry.endpoint] += 1
        self._in_flight += 1
        self.end(entry, sent=sent)

    def end(self, entry: Entry, *, sent: bool) -> None:
        """Count and log a request that has ended.

        Args:
            entry: what ``begin`` gave, completed.
            sent: whether the whole reply has left.
        """
        answered = sent and entry.status in SUCCESS
        self._in_flight -= 1
        self._answers_sent += answered
        if entry.fault:
            self._faults[entry.fault] += 1
        if entry.refused:
            self._faults["question_refusal"] += len(entry.refused)
        if sent:
            self._statuses[str(entry.status)] += 1
        if self._log:
            line = {
                "time": entry.arrived,
                "endpoint": entry.endpoint,
                "key": entry.key,
                "attempt": entry.attempt,
                "fault": entry.fault,
                "status": entry.status,
                "sent": answered,
            }
            if entry.refused:
                line["refused"] = list(entry.refused)
            self._log.write(json.dumps(line) + "\n")

    def stats(self) -> dict[str, Any]:
        """The counts so far."""
        return {
            "requests": dict(self._requests),
            "in_flight": self._in_flight,
            "rejected": self.rejected,
            "faults": dict(self._faults),
            "statuses": dict(self._statuses),
            "answers_sent": self._answers_sent,
        }
