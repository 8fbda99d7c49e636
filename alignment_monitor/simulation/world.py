"""A seeded world: its days, deployments, users and conversations, each with its truth.

Here belong: traffic as it comes, from whom and to which deployment. What is true of a day
(``behaviours``) or a message (``labels``) and which words show it belong elsewhere. Each day has
its own random stream, so that a day costs that day alone.

Nothing drawn depends on the calendar: day 0 is a Monday of the world, whatever its date, so that
the same seed shows the same figures on any date.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import accumulate
from random import Random
from typing import TYPE_CHECKING

from alignment_monitor.judging.rubric import POSITIVE_LEVEL
from alignment_monitor.settings import SimulationSource
from alignment_monitor.simulation.behaviours import (
    DEPLOYMENTS,
    EXCHANGES,
    LEVELS,
    DayTruth,
    truth_of_days,
    turn_of,
)
from alignment_monitor.simulation.labels import Setting, draw, draw_labels, rates
from alignment_monitor.simulation.texts import Exchange, write_exchange
from alignment_monitor.simulation.truth import Labels
from alignment_monitor.sources.base import RawConversation, RawMessage

if TYPE_CHECKING:
    import pandas as pd

FAMILY = "aurora"
LOCALES = ("en-US", "en-GB", "en-IN", "en-AU", "en-CA")
USERS_PER_CONVERSATION = 20
THUMBS = {
    True: {"up": 0.18, "down": 0.01, None: 0.81},
    False: {"up": 0.05, "down": 0.03, None: 0.92},
}
"""Feedback, by whether a reply pleased the user with agreement or praise."""
PLEASING = ("unwarranted_agreement", "caving", "unearned_praise")


@dataclass(frozen=True, slots=True)
class SimulatedConversation:
    """A conversation and the truth of its assistant messages, in order."""

    raw: RawConversation
    labels: tuple[Labels, ...]

    def labelled(self) -> Iterator[tuple[str, Labels]]:
        """Text and truth of each assistant message."""
        replies = (message for message in self.raw.messages if message.role == "assistant")
        for message, labels in zip(replies, self.labels, strict=True):
            yield message.content, labels


def simulated_days(config: SimulationSource) -> list[date]:
    """The days of the world, in order."""
    return [config.first_day + timedelta(days=index) for index in range(config.days)]


def deployment_of(config: SimulationSource, day: date) -> str:
    """The deployment that serves on a day of the world."""
    return DEPLOYMENTS[turn_of(config.days, (day - config.first_day).days)]


def true_rates(config: SimulationSource) -> "pd.DataFrame":
    """True rates given an opportunity: deployment x behaviour, guard or derived series."""
    import pandas as pd

    served = dict.fromkeys(deployment_of(config, day) for day in simulated_days(config))
    rows = [
        (deployment, name, rate)
        for deployment in served
        for name, rate in rates(drifted=deployment == DEPLOYMENTS[-1]).items()
    ]
    return pd.DataFrame(rows, columns=["deployment", "behaviour", "rate"])


def simulate(config: SimulationSource) -> Iterator[SimulatedConversation]:
    """Every conversation of the world, day by day."""
    for day in simulated_days(config):
        yield from simulate_day(config, day)


def simulate_day(config: SimulationSource, day: date) -> list[SimulatedConversation]:
    """The conversations of a day; none outside the days of the world."""
    index = (day - config.first_day).days
    if not 0 <= index < config.days:
        return []
    rng = Random(f"{config.seed}:{index}")  # noqa: S311  nothing secret is drawn
    limit = 2 * config.conversations_per_day + 20
    truth = truth_of_days(config.seed, config.days, config.conversations_per_day)[index]
    count = min(limit, _poisson(rng, truth.conversations))
    serial = index * limit * max(EXCHANGES)  # each day has its own block of message numbers
    conversations = []
    for number in range(count):
        conversations.append(_conversation(rng, config, day, truth, number, serial))
        serial += len(conversations[-1].labels)
    return conversations


def _poisson(rng: Random, mean: float) -> int:
    import numpy as np

    return int(np.random.default_rng(rng.getrandbits(64)).poisson(mean))


def _conversation(
    rng: Random, config: SimulationSource, day: date, true: DayTruth, number: int, serial: int
) -> SimulatedConversation:
    index = (day - config.first_day).days
    surface = draw(rng, true.surfaces)
    user = _draw_user(rng, config.conversations_per_day)
    own = Random(f"{config.seed}:{index}:{user}")  # noqa: S311  nothing secret is drawn
    setting = Setting(surface, true.levels[surface], {name: own.random() for name in LEVELS})
    exchanges, truth = _exchanges(rng, setting, serial)
    start = datetime.combine(day, time(0, 5), UTC) + timedelta(seconds=rng.randrange(84_000))
    messages = _messages(rng, exchanges, start)
    raw = RawConversation(
        conversation_id=f"{config.name}-{index:05d}-{number:05d}",
        messages=messages,
        deployment=deployment_of(config, day),
        deployment_family=FAMILY,
        user_id=f"user-{user}",
        segments={"surface": surface, "locale": LOCALES[user % len(LOCALES)]},
        feedback=draw(rng, THUMBS[_pleased(truth)]),
        started_at=messages[0].created_at,
        ended_at=messages[-1].created_at,
    )
    return SimulatedConversation(raw, tuple(truth))


def _exchanges(rng: Random, setting: Setting, serial: int) -> tuple[list[Exchange], list[Labels]]:
    exchanges: list[Exchange] = []
    truth: list[Labels] = []
    for turn in range(draw(rng, EXCHANGES)):
        labels = draw_labels(rng, setting, truth[-1] if truth else None)
        previous = exchanges[-1] if exchanges else None
        exchanges.append(write_exchange(rng, setting.surface, labels, serial + turn, previous))
        truth.append(labels)
    return exchanges, truth


def _messages(rng: Random, exchanges: list[Exchange], start: datetime) -> list[RawMessage]:
    clock = start
    messages = []
    for exchange in exchanges:
        for role, text in (("user", exchange.user), ("assistant", exchange.reply)):
            messages.append(RawMessage(role, text, clock))
            clock += timedelta(seconds=rng.randint(5, 90))
    return messages


def _draw_user(rng: Random, conversations_per_day: int) -> int:
    weights = _user_weights(USERS_PER_CONVERSATION * conversations_per_day)
    return rng.choices(range(len(weights)), cum_weights=weights)[0]


@cache
def _user_weights(users: int) -> tuple[float, ...]:
    """Cumulative weights of users by rank: a few come often, most come rarely."""
    return tuple(accumulate((rank + 20) ** -0.7 for rank in range(users)))


def _pleased(truth: list[Labels]) -> bool:
    return any(
        labels["levels"].get(name, 0) >= POSITIVE_LEVEL for labels in truth for name in PLEASING
    )
