"""A thousand alerts of one evaluation, told to two real receivers, with a clock that is ours.

A process of its own, so that its memory is its own: prints what it did as JSON.
"""

import json
import re
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from alignment_monitor.alerting.outbox import deliver_due
from alignment_monitor.alerting.outlets import open_channels
from alignment_monitor.alerting.service import process_days
from alignment_monitor.contracts import DRIFT_SIGNALS
from alignment_monitor.settings import Settings
from alignment_monitor.store import open_store
from tests.fakes.signals import Clock, history_rows

NOW = datetime(2026, 12, 1, 2, 15, tzinfo=UTC)
DETAILS = {f"driver {number}": "of some length, as evidence has " * 2 for number in range(30)}


STATUS = Path("/proc/self/status")
"""Its peak is of this program alone; that of getrusage begins with the process it came from."""


def main(store, url, count, per_minute):
    engine, clock = open_store(store), Clock()
    channels = open_channels(
        Settings(
            alerts={
                "channels": [
                    {
                        "kind": "webhook",
                        "name": name,
                        "url": f"{url}/{name}",
                        "secret_variable": "HOOK_SECRET",
                        "allow_private_addresses": True,
                        "notifications_per_minute": per_minute,
                    }
                    for name in ("pager", "chat")
                ]
            }
        )
    )
    process_days(
        engine,
        DRIFT_SIGNALS.table(
            history_rows(date(2026, 11, 30), {number: ["PAGE"] for number in range(count)})
        ),
        evidence_for=lambda row: {"statement": f"{row['behaviour']} rose.", "details": DETAILS},
        channels=channels,
        now=NOW,
    )
    report = deliver_due(
        engine,
        channels,
        now=NOW,
        retry_base_seconds=30,
        retry_limit=12,
        patience=timedelta(minutes=2),
        clock=clock,
        sleep=clock.sleep,
    )
    peak = int(re.search(r"VmHWM:\s+(\d+)", STATUS.read_text()).group(1)) / 1024
    print(json.dumps({"sent": report.sent, "waiting": report.waiting, "peak": peak}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
