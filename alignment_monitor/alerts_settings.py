"""The settings of alerts: who is told of what, by which way, and how often.

Here belong: the sections under ``alerts`` of monitor.yaml. How the file is read belongs to
``settings``, which gives these names on. A secret is never a setting: a setting names the
environment variable that holds it.
"""

from datetime import time
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from alignment_monitor.judging_settings import Section


class ChannelSettings(Section):
    """What every kind of channel has."""

    name: str = Field(min_length=1)
    timeout_seconds: float = Field(10.0, gt=0, le=120)
    notifications_per_minute: int | None = Field(10, ge=1, description="null: no limit")
    group_above: int | None = Field(
        3, ge=1, description="more alerts than this due at once are told together; null: never"
    )
    digest_at: time | None = Field(
        None, description="warnings are told together, once a day at this time in UTC"
    )


class HttpSettings(ChannelSettings):
    """What channels have that post to an address."""

    url: str | None = None
    url_variable: str | None = Field(None, description="environment variable with the address")
    allow_private_addresses: bool = Field(
        False, description="the receiver may stand in one's own network"
    )


class Webhook(HttpSettings):
    """A receiver of signed alerts (Standard Webhooks)."""

    kind: Literal["webhook"] = "webhook"
    secret_variable: str = Field(description="environment variable with the whsec_... secret")


class Slack(HttpSettings):
    """An incoming webhook of Slack; its address is its secret."""

    kind: Literal["slack"]
    url: None = Field(None, description="not here: the address is a secret")
    url_variable: str = Field(description="environment variable with https://hooks.slack.com/...")
    image_url: str | None = Field(
        None, description="public address of a chart; {alert_id} and {family} are filled in"
    )


class PagerDuty(HttpSettings):
    """A service of PagerDuty, by Events API v2."""

    kind: Literal["pagerduty"]
    url: str = "https://events.pagerduty.com/v2/enqueue"
    routing_key_variable: str = Field(description="environment variable with the integration key")


class Alertmanager(HttpSettings):
    """An Alertmanager of Prometheus, by its API v2."""

    kind: Literal["alertmanager"]
    username: str | None = None
    password_variable: str | None = None
    lasts_minutes: float = Field(
        180.0, ge=5, description="an alert that is not sent again for so long ends there"
    )


class Email(ChannelSettings):
    """A mailbox, by SMTP."""

    kind: Literal["email"]
    host: str
    port: int = Field(587, ge=1, le=65535)
    tls: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    password_variable: str | None = None
    sender: str
    recipients: tuple[str, ...] = Field(min_length=1)


class Apprise(ChannelSettings):
    """Any service that the library apprise knows."""

    kind: Literal["apprise"]
    url_variable: str = Field(description="environment variable with apprise's address of it")


ChannelKind = Annotated[
    Webhook | Slack | PagerDuty | Alertmanager | Email | Apprise, Field(discriminator="kind")
]

AlertType = Literal["MODEL", "JUDGE", "TRAFFIC", "PIPELINE", "UNATTRIBUTED"]


class Rule(Section):
    """Which alerts go to which channels; a list that is left out takes all.

    Families and behaviours are patterns with ``*``, ``?`` and ``[...]``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    types: tuple[AlertType, ...] = ()
    severities: tuple[Literal["page", "warn"], ...] = ()
    families: tuple[str, ...] = ()
    behaviours: tuple[str, ...] = ()
    channels: tuple[str, ...] = Field(description="names; an empty list tells nobody")
    proceed: bool = Field(False, alias="continue", description="later rules are read too")


class Alerts(Section):
    """Who is told, and how stubbornly."""

    channels: tuple[ChannelKind, ...] = ()
    routes: tuple[Rule, ...] = Field(
        (), description="the first that fits counts; all channels are told if none does"
    )
    retry_base_seconds: float = 30.0
    retry_limit: int = 12
    minimum_effective_n: float = Field(20.0, ge=0, description="behind a page; below, it warns")
    renotify_days: int | None = Field(7, ge=1, description="unacknowledged page; null: never")
    escalate_after_hours: float | None = Field(24.0, gt=0, description="the same; null: never")
    repeat_limit: int = Field(1, ge=0, description="told again at most, however")
    hold_days: int | None = Field(
        3, ge=1, description="an open JUDGE or PIPELINE alert holds others at most; null: no limit"
    )
    exemplars: Literal["ids", "excerpts", "none"] = Field(
        "ids", description="of messages behind a change: identifiers, redacted text too, or neither"
    )
    stale_after_hours: float = Field(
        30.0,
        gt=0,
        description="hours after the end of the newest monitored day; the next is run after 26.25",
    )
    dead_man_url_variable: str | None = Field(
        None, description="environment variable with an address to GET after each successful run"
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        names = [channel.name for channel in self.channels]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"each channel needs its own name; used twice: {', '.join(twice)}")
        named = {name for rule in self.routes for name in rule.channels}
        if unknown := sorted(named.difference(names)):
            raise ValueError(f"routes name channels that are not there: {', '.join(unknown)}")
        return self
