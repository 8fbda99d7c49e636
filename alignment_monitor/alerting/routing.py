"""Who is told of an alert, and how much at once: pure functions of the settings.

Here belong: the rules of monitor.yaml, and the moment from which a message may go. Here does not
belong: what waits where (outbox), or how it is sent (channels).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from fnmatch import fnmatchcase
from typing import Protocol

from alignment_monitor.alerts_settings import ChannelSettings, Rule

MINUTE = timedelta(minutes=1)
MEMBERS = 200
"""Alerts in one message at most: some hundred kilobytes, which receivers take."""


class Routed(Protocol):
    """What the rules look at; ``lifecycle.Alert`` has it."""

    @property
    def type(self) -> str:
        """MODEL, JUDGE, TRAFFIC, PIPELINE or UNATTRIBUTED."""

    @property
    def severity(self) -> str:
        """Either warn or page."""

    @property
    def deployment_family(self) -> str:
        """Line of deployments watched."""

    @property
    def behaviour(self) -> str:
        """Question watched."""


@dataclass(frozen=True)
class Policy:
    """How much a channel is told at once.

    Attributes:
        per_minute: messages in any 60 seconds; null: no limit.
        group_above: more alerts than this due at once are told together; null: never.
        digest_at: when warnings are told, in UTC; null: as they come.
    """

    per_minute: int | None = None
    group_above: int | None = None
    digest_at: time | None = None

    @classmethod
    def of(cls, settings: ChannelSettings) -> "Policy":
        """The policy of a channel of monitor.yaml."""
        return cls(settings.notifications_per_minute, settings.group_above, settings.digest_at)

    def due(self, severity: str, now: datetime) -> tuple[datetime, bool]:
        """From when an alert's message may go, and whether it waits for the day's digest."""
        if self.digest_at is None or severity != "warn":
            return now, False
        at = datetime.combine(now.astimezone(UTC).date(), self.digest_at, tzinfo=UTC)
        return (at if at > now else at + timedelta(days=1)), True

    def together(self, waiting: int) -> bool:
        """Whether so many alerts that are due at once make one message."""
        return self.group_above is not None and waiting > self.group_above


def free_at(sent: Sequence[datetime], per_minute: int, now: datetime) -> datetime:
    """When the next message may go without more than ``per_minute`` in any 60 seconds.

    Args:
        sent: when messages went, in any order.
        per_minute: the limit.
        now: current time, the earliest answer.
    """
    recent = sorted(at for at in sent if at > now - MINUTE)
    return now if len(recent) < per_minute else recent[-per_minute] + MINUTE


def recipients(alert: Routed, rules: Sequence[Rule], channels: Sequence[str]) -> list[str]:
    """Names of the channels that are told of an alert, in the order of ``channels``.

    The first rule that fits decides, and those after it while each says ``continue``. Where none
    fits all are told, so that an alert that nobody thought of is not lost.
    """
    told: set[str] = set()
    fitting = [rule for rule in rules if _fits(alert, rule)]
    for rule in fitting:
        told.update(rule.channels)
        if not rule.proceed:
            break
    return [name for name in channels if not fitting or name in told]


def _fits(alert: Routed, rule: Rule) -> bool:
    return (
        (not rule.types or alert.type in rule.types)
        and (not rule.severities or alert.severity in rule.severities)
        and _like(alert.deployment_family, rule.families)
        and _like(alert.behaviour, rule.behaviours)
    )


def _like(value: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatchcase(value, pattern) for pattern in patterns)
