"""Many alerts at once, against real receivers: few messages, all told, little memory."""

import json
import os
import subprocess
import sys
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from alignment_monitor.store import open_store
from alignment_monitor.store.schema import deliveries
from tests.fakes.webhook_receiver import SECRET, WebhookReceiver
from tests.pipeline.alert_storm import NOW

ALERTS = 1000


@pytest.fixture
def storm(tmp_path):
    """What the process printed, what the receiver saw, and when each message went by its channel.

    The clock is the process's; the outbox has kept when each message went.
    """

    def run(per_minute):
        store = f"sqlite:///{tmp_path / 'store.sqlite'}"
        receiver = WebhookReceiver()
        with receiver.running() as url:
            command = [sys.executable, "-m", "tests.pipeline.alert_storm", store]
            done = subprocess.run(
                [*command, url.removesuffix("/hook"), str(ALERTS), str(per_minute)],
                env={**os.environ, "HOOK_SECRET": SECRET},
                capture_output=True,
                text=True,
                check=False,
                timeout=300,
            )
        assert done.returncode == 0, done.stderr
        query = select(deliveries.c.channel, func.max(deliveries.c.attempted_at)).group_by(
            deliveries.c.channel, deliveries.c.message_id
        )
        times = {"pager": [], "chat": []}
        with open_store(store).connect() as connection:
            for channel, at in connection.execute(query):
                times[channel].append(at - NOW)
        return json.loads(done.stdout), receiver, times

    return run


@pytest.mark.parametrize("per_minute", [10, 2])
def test_a_thousand_alerts_are_few_messages_and_all_are_told_in_two_minutes(storm, per_minute):
    printed, receiver, times = storm(per_minute)
    assert (printed["sent"], printed["waiting"]) == (2 * ALERTS, 0)
    for of_channel in times.values():
        first = [at for at in of_channel if at < timedelta(minutes=1)]
        assert 0 < len(first) <= min(10, per_minute)
        assert max(of_channel) <= timedelta(minutes=2)
    inside = [item for message in receiver.seen for item in message["data"]["alerts"]]
    assert len({item["delivery_id"] for item in inside}) == len(inside) == 2 * ALERTS
    assert len({item["data"]["alert_id"] for item in inside}) == ALERTS
    assert len(receiver.requests) == sum(map(len, times.values()))
    assert printed["peak"] < 300
    print(f"peak {printed['peak']:.0f} MB, {len(receiver.requests)} messages")
