"""What people do to alerts, kept: each act is one transaction with what follows from it.

Here belong: acknowledging, silencing, commenting, resolving, sending again, and finding what a
shortened name means. Here does not belong: what an act makes of an alert (actions, attention), or
how it is asked for (operations.alerts).
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from sqlalchemy import Column, Connection, Engine, RowMapping, insert, select, update

from alignment_monitor.alerting import actions
from alignment_monitor.alerting.alert import Alert, Policy, Transition
from alignment_monitor.alerting.attention import Silence, attend
from alignment_monitor.alerting.books import one, relevant, silences, write, writing
from alignment_monitor.alerting.channels import Channel
from alignment_monitor.alerting.redelivery import redeliver
from alignment_monitor.contracts.vocabulary import SIGNAL_TYPES
from alignment_monitor.statistics.precision import measured_precision
from alignment_monitor.store import schema
from alignment_monitor.store.texts import uncarried

LONGEST_TEXT = 2000
LONGEST_NAME = 100
LONGEST_SILENCE = timedelta(days=90)
PATTERNS = ("type", "severity", "family", "behaviour", "series")
KNOWN = {"type": SIGNAL_TYPES, "severity": ("page", "warn")}
"""What a pattern can match, where that is fixed: a misspelt one would silence nothing."""


class DeskError(ValueError):
    """What was asked for cannot be done; says what is wrong and what to do."""


@dataclass(frozen=True)
class Desk:
    """Where people act.

    Attributes:
        engine: the operational store.
        channels: who is told of what follows.
        policy: how stubbornly.
        who: the person.
        now: current time.
    """

    engine: Engine
    channels: Sequence[Channel]
    policy: Policy
    who: str
    now: datetime

    def __post_init__(self) -> None:
        """Refuse acts of nobody.

        Raises:
            DeskError: the name is missing or too long.
        """
        _text(self.who, "name of who acts", LONGEST_NAME)

    def acknowledge(self, name: str, note: str = "") -> Alert:
        """Say that somebody looks after an alert.

        Raises:
            DeskError: there is no such alert, or its state does not allow it.
        """
        return self._act(name, lambda alert: actions.acknowledge(alert, who=self.who, note=note))

    def resolve(self, name: str, verdict: str, note: str = "") -> Alert:
        """End an alert, or judge one that has ended.

        Raises:
            DeskError: there is no such alert or verdict, or the alert never fired.
        """
        return self._act(
            name,
            lambda alert: actions.resolve(alert, verdict, who=self.who, now=self.now, note=note),
        )

    def comment(self, name: str, comment: str) -> str:
        """Add a remark to an alert; returns its whole name.

        Raises:
            DeskError: there is no such alert, or the remark is empty or too long.
        """
        told = _text(comment, "comment", LONGEST_TEXT)
        with writing(self.engine) as connection:
            alert_id = find_alert(connection, name)
            row = {"alert_id": alert_id, "at": self.now, "who": self.who, "comment": told}
            connection.execute(insert(schema.alert_comments), row)
        return alert_id

    def silence(self, patterns: dict[str, str | None], ends_at: datetime, reason: str) -> Silence:
        """Let nobody be told of alerts for a while; those that fire are silenced at once.

        Args:
            patterns: what must match, by PATTERNS; those left out match anything.
            ends_at: when it is over.
            reason: why.

        Raises:
            DeskError: it would match everything or nothing, has no reason, or is over already or
                too late.
        """
        given = {
            name: _text(value, name, LONGEST_TEXT) for name, value in patterns.items() if value
        }
        if unknown := given.keys() - set(PATTERNS):
            raise DeskError(f"Alerts are matched by {', '.join(PATTERNS)}, not {min(unknown)!r}.")
        if not given:
            raise DeskError(
                f"Say which alerts: give at least one of {', '.join(PATTERNS)}; type '*' is all."
            )
        for name, known in KNOWN.items():
            if (wanted := given.get(name)) and not any(fnmatchcase(one, wanted) for one in known):
                raise DeskError(f"No {name} is called {wanted!r}; there are: {', '.join(known)}.")
        if not self.now < ends_at <= self.now + LONGEST_SILENCE:
            raise DeskError(
                f"A silence ends after now and within {LONGEST_SILENCE.days} days, not at "
                f"{ends_at:%Y-%m-%d %H:%M}: what is forgotten must not be silent for ever."
            )
        why = _text(reason, "reason", LONGEST_TEXT)
        identity = repr((self.who, self.now, sorted(given.items()), ends_at))
        name = hashlib.blake2b(identity.encode(), digest_size=4).hexdigest()
        silence = Silence(name, self.who, why, self.now, ends_at, **given)
        with writing(self.engine) as connection:
            connection.execute(insert(schema.alert_silences), asdict(silence))
            self._follow(connection)
        return silence

    def unsilence(self, name: str) -> str:
        """End a silence now; what still fires and was not told is told. Returns its whole name.

        Raises:
            DeskError: there is no such silence, or it is over.
        """
        table = schema.alert_silences
        with writing(self.engine) as connection:
            silence_id = _find(connection, table.c.silence_id, name, "silence")
            query = select(table.c.ends_at).where(table.c.silence_id == silence_id)
            over: datetime = connection.execute(query).scalar_one()
            if over <= self.now:
                raise DeskError(f"Silence {silence_id} ended at {over:%Y-%m-%d %H:%M} UTC already.")
            ended = {"ends_at": self.now, "ended_by": self.who}
            connection.execute(update(table).where(table.c.silence_id == silence_id).values(ended))
            self._follow(connection)
        return silence_id

    def redeliver(self, name: str, channel: str | None = None) -> str:
        """Send a dead delivery again; returns its whole name. See ``redelivery.redeliver``.

        Raises:
            DeskError: there is no such delivery, it is another channel's, or it is not one that
                can be sent again.
        """
        table = schema.deliveries
        with self.engine.connect() as connection:
            delivery_id = _find(connection, table.c.delivery_id, name, "delivery")
            query = select(table).where(table.c.delivery_id == delivery_id)
            row = connection.execute(query).mappings().one()
        if channel not in (None, row["channel"]):
            raise DeskError(f"Delivery {delivery_id} is for {row['channel']}, not for {channel}.")
        again, over = redeliver(self.engine, now=self.now, delivery_id=delivery_id)
        if not again:
            raise DeskError(f"Delivery {delivery_id} {_why_not(row, overtaken=over > 0)}.")
        return delivery_id

    def _act(self, name: str, act: Callable[[Alert], Transition]) -> Alert:
        with writing(self.engine) as connection:
            alert = one(connection, find_alert(connection, name))
            try:
                step = act(alert)
            except actions.NotAllowedError as error:
                raise DeskError(str(error)) from error
            _text(step.note or "-", "note", LONGEST_TEXT)
            write(connection, step, self.channels, self.now)
            self._follow(connection)
            return one(connection, alert.alert_id)

    def _follow(self, connection: Connection) -> None:
        """What follows for other alerts: some are held or silenced no more, or now."""
        steps = attend(
            relevant(connection),
            silences=silences(connection, self.now),
            policy=self.policy,
            now=self.now,
        )
        for step in steps:
            write(connection, step, self.channels, self.now)


def find_alert(connection: Connection, name: str) -> str:
    """The whole name of an alert.

    Raises:
        DeskError: none begins so, or several do.
    """
    return _find(connection, schema.alerts.c.alert_id, name, "alert")


def precision_rows(engine: Engine) -> list[dict[str, object]]:
    """Measured precision, as rows of ``contracts.ALERT_PRECISION``."""
    table = schema.alerts
    query = select(table.c.type, table.c.resolution).where(table.c.fired_on.is_not(None))
    with engine.connect() as connection:
        found = [(str(kind), verdict) for kind, verdict in connection.execute(query).tuples()]
    return [{**asdict(row), "n": row.n} for row in measured_precision(found)]


def _find(connection: Connection, column: Column[str], name: str, what: str) -> str:
    wanted = name.strip()
    query = select(column).where(column.startswith(wanted, autoescape=True)).order_by(column)
    askable = wanted and not uncarried(wanted)
    found = list(connection.execute(query.limit(6)).scalars()) if askable else []
    if wanted in found or len(found) == 1:
        return wanted if wanted in found else found[0]
    where = {
        "alert": "`alignment-monitor alert list --state all` names those there are",
        "silence": "`alignment-monitor alert list` names those in force",
        "delivery": "`alignment-monitor alert deliveries` names those there are",
    }[what]
    if not found:
        raise DeskError(f"No {what} is called or begins with {wanted!r}: {where}.")
    more = ", ..." if len(found) > 5 else ""
    raise DeskError(
        f"Several {what} names begin with {wanted!r}: {', '.join(found[:5])}{more}. Give more."
    )


def _why_not(row: RowMapping, *, overtaken: bool) -> str:
    """Why a delivery is not sent again."""
    if overtaken:
        return "stays dead, for what came after it was told already"
    if row["status"] == "pending":
        return "is still being tried: `alignment-monitor deliver` makes the attempts that are due"
    if row["status"] == "delivered":
        return "was taken by its receiver"
    return "was a test: `alignment-monitor alert test` sends another one"


def _text(given: str, what: str, longest: int) -> str:
    words = given.strip()
    if not 0 < len(words) <= longest:
        raise DeskError(f"The {what} has {len(words)} characters: give 1 to {longest}.")
    if code := uncarried(words):
        raise DeskError(f"The {what} holds the control character {code}: leave it out.")
    return words
