"""A run in a process of its own, which may kill itself with SIGKILL at a named point.

``python -m tests.unit.judging.batch_child STORE URL FIRST COUNT WAIT POINT``
"""

import os
import signal
import sys

from alignment_monitor.judging.batch import collect as batch_collect
from alignment_monitor.judging.batch.ledger import BatchLedger
from alignment_monitor.judging.batch.provider import BatchProvider
from alignment_monitor.judging.journal import Journal
from alignment_monitor.store import open_store
from tests.unit.judging.batching import Runs, states, units

POINTS = {
    "before upload": (BatchProvider, "upload", 1),
    "before create": (BatchProvider, "create", 1),
    "after create": (BatchLedger, "opened", 1),
    "before journal": (Journal, "keep_all", 2),
    "after journal": (BatchLedger, "settle", 4),
    "before the last": (BatchLedger, "settle", 6),
    "before collecting": (BatchLedger, "ended", 1),
}


def kill_at(point: str) -> None:
    kind, name, call = POINTS[point]
    original, calls = getattr(kind, name), iter(range(1, 1_000))

    def deadly(*args, **kwargs):
        if next(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **kwargs)

    setattr(kind, name, deadly)


def main() -> None:
    store, url, first, count, wait, point = sys.argv[1:]
    batch_collect.CHUNK = 5
    if point:
        kill_at(point)
    runs = Runs.of(open_store(store), url)
    print("ready", flush=True)
    print(states(runs.run(units(int(count), first=int(first)), float(wait))), flush=True)


if __name__ == "__main__":
    main()
