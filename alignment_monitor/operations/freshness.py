"""Is the monitor itself alive? Its newest day, held against its schedule.

Here belong: the rule and what it is computed from. Here does not belong: telling anybody
(``operations.heartbeat``).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from alignment_monitor.contracts import DRIFT_SIGNALS
from alignment_monitor.resources.completed import completed
from alignment_monitor.resources.marts import Marts
from alignment_monitor.settings import FILE_NAME, Settings, SettingsError


@dataclass(frozen=True)
class Freshness:
    """How old the newest completed day is.

    Attributes:
        last_day: newest day that was decided on, with its alerts told; null: none ever was.
        checked_at: time of the check.
        max_age_hours: hours after the end of the newest day from which on it is too old.
        started_at: since when there is a home, at least; null: not known. Where no day was ever
            completed, the first is due as if the day before had been.
    """

    last_day: date | None
    checked_at: datetime
    max_age_hours: float
    started_at: datetime | None = None

    @property
    def age_hours(self) -> float | None:
        """Hours since the newest day ended, in UTC; null without any."""
        return None if self.last_day is None else self._hours_since(self.last_day)

    @property
    def stale(self) -> bool:
        """No day was completed in time."""
        age = self.age_hours
        if age is None and self.started_at is not None:
            age = self._hours_since(self.started_at.astimezone(UTC).date() - timedelta(days=1))
        return age is None or age > self.max_age_hours

    def _hours_since(self, day: date) -> float:
        ended = datetime.combine(day + timedelta(days=1), time(), UTC)
        return (self.checked_at - ended).total_seconds() / 3600

    @property
    def statement(self) -> str:
        """What is known, in a sentence."""
        if self.age_hours is None:
            why = "the scheduler may not run" if self.stale else "the first is not due yet"
            return f"No day was ever completed: {why}."
        told = f"The newest completed day is {self.last_day}, which ended {self.age_hours:.0f} "
        told += f"hours ago; {self.max_age_hours:g} are allowed"
        return f"{told}: the scheduler may be dead." if self.stale else f"{told}."


def freshness(
    settings: Settings,
    now: datetime,
    max_age_hours: float | None = None,
    *,
    at_least: date | None = None,
) -> Freshness:
    """How old a home's newest completed day is.

    Args:
        settings: of the home.
        now: current time.
        max_age_hours: allowed age; null: ``alerts.stale_after_hours``.
        at_least: a day that is being completed just now.

    Raises:
        SettingsError: there is no such home.
    """
    if not settings.home.is_dir():
        raise SettingsError(
            f"There is no home {settings.home}, so nothing is monitored there. Name another by "
            "--home."
        )
    allowed = settings.alerts.stale_after_hours if max_age_hours is None else max_age_hours
    days = [day for day in (newest_day(settings), at_least) if day is not None]
    return Freshness(max(days, default=None), now, allowed, _started_at(settings))


def newest_day(settings: Settings) -> date | None:
    """The newest completed day; of a home of a version that noted none, the newest decided on."""
    if noted := completed(settings):
        return noted.last_day
    days = Marts(settings.marts).span(DRIFT_SIGNALS.name)
    return days and days[1]


def _started_at(settings: Settings) -> datetime:
    """When the oldest of a home's settings and store was last written, so no earlier than that.

    No system tells everywhere when a file was made.
    """
    times = list(_times(settings.home / FILE_NAME, settings.home / "store.sqlite"))
    return datetime.fromtimestamp(min(times, default=settings.home.stat().st_mtime), UTC)


def _times(*paths: Path) -> Iterator[float]:
    for path in paths:
        if path.exists():
            yield path.stat().st_mtime
