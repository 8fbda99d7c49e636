"""The simulated world as a source of conversations, beside inboxes and others.

Here belongs: handing a day of the world to the intake. The truth stays behind: the monitor must
find it by itself.
"""

from datetime import UTC, date, datetime, time, timedelta

import pyarrow as pa

from alignment_monitor import settings as configuration
from alignment_monitor.contracts import RECEIVED
from alignment_monitor.simulation.world import simulate_day


class SimulationSource:
    """A source whose conversations come out of a seeded world."""

    def __init__(
        self, config: configuration.SimulationSource, settings: configuration.Settings
    ) -> None:
        self.name = config.name
        self._config = config
        self._settings = settings

    def read(self, day: date) -> pa.Table:
        """All conversations of a UTC day; an empty table outside the days of the world."""
        from alignment_monitor.sources.normalise import receive

        last = self._config.first_day + timedelta(days=self._config.days)
        # Long after the last message, so that no clock makes a conversation unfinished or future.
        now = datetime.combine(last, time(), UTC) + timedelta(days=1)
        return RECEIVED.table(
            [
                receive(
                    conversation.raw,
                    source=self.name,
                    location=f"{day:%Y-%m-%d}:{number}",
                    settings=self._settings,
                    now=now,
                )
                for number, conversation in enumerate(simulate_day(self._config, day))
            ]
        )
