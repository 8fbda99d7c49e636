"""Is this installation able to work? Each finding says what to do about it."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alignment_monitor.alerts_settings import ChannelSettings
from alignment_monitor.settings import (
    FILE_NAME,
    Judge,
    Judging,
    Settings,
    SettingsError,
    load,
)

if TYPE_CHECKING:
    from alignment_monitor.operations.forecast import Forecast

FEWEST_OF_TRAFFIC = 50
"""With fewer judged messages a day, a change takes months to show."""


@dataclass(frozen=True)
class Finding:
    """One thing examined.

    Attributes:
        name: what was looked at.
        state: ok / warn / fail.
        detail: what was found, and what to do.
    """

    name: str
    state: str
    detail: str

    @property
    def fatal(self) -> bool:
        """The monitor cannot work like this."""
        return self.state == "fail"


def examine(home: Path) -> list[Finding]:
    """Look at configuration, folders, keys, judges, money and channels, in this order."""
    try:
        settings = load(home)
    except SettingsError as error:
        return [Finding("configuration", "fail", str(error))]
    file = home / FILE_NAME
    found = f"{file}" if file.exists() else "defaults (write a file with `alignment-monitor init`)"
    return [
        Finding("configuration", "ok", found),
        _writable(home),
        _rubric(settings),
        *map(_judge, settings.judging.judges),
        *_prices(settings.judging),
        _money(settings),
        *_channels(settings.alerts.channels),
    ]


def missing_key(settings: Settings) -> str | None:
    """What to do if no judge can be asked at all; null if one can."""
    for judge in settings.judging.judges:
        if _address(judge) or os.environ.get(judge.api_key_variable):
            return None
    name = settings.judging.judges[0].api_key_variable
    return (
        f"No judge can be asked: set {name}, or set OPENAI_BASE_URL to a compatible server. "
        "Without either, `make demo` shows everything with a simulated judge."
    )


def unwritable(home: Path) -> str | None:
    """What to do if the home cannot be made or written; null if it can."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=home):
            return None
    except OSError as error:
        return (
            f"{home} cannot be written ({error.strerror}): choose another with --home or "
            "ALIGNMENT_MONITOR_HOME, or change its rights"
        )


def _address(judge: Judge) -> str | None:
    return judge.base_url or os.environ.get("OPENAI_BASE_URL")


def _writable(home: Path) -> Finding:
    if problem := unwritable(home):
        return Finding("home", "fail", problem)
    return Finding("home", "ok", f"{home} can be written")


def _rubric(settings: Settings) -> Finding:
    from alignment_monitor.judging.rubric import load_rubric

    try:
        rubric = load_rubric(settings.judging.rubric, settings.rubrics)
        return Finding("rubric", "ok", rubric.full_version)
    except ValueError as error:
        return Finding("rubric", "fail", f"{error}: mend judging.rubric")


def _judge(judge: Judge) -> Finding:
    name = f"judge {judge.name}"
    if not os.environ.get(judge.api_key_variable) and not _address(judge):
        wanted = f"set {judge.api_key_variable}, or OPENAI_BASE_URL for a compatible server"
        return Finding(name, "fail", f"no key: {wanted}")
    return Finding(name, *_answer(judge, _address(judge) or "OpenAI"))


def _answer(judge: Judge, where: str) -> tuple[str, str]:
    """State and detail of what a judge's server says when asked for its models."""
    import openai

    key = os.environ.get(judge.api_key_variable) or "none"
    client = openai.OpenAI(base_url=_address(judge), api_key=key, max_retries=0, timeout=10)
    try:
        models = {model.id for model in client.models.list()}
    except openai.AuthenticationError:
        return "fail", f"{where} refuses the key in {judge.api_key_variable}"
    except openai.APIStatusError as error:
        status = f"{where} answers {error.status_code} to a list of models"
        return "warn", f"{status}; many compatible servers have none"
    except openai.APIError as error:
        reason = f"{where} cannot be reached ({type(error).__name__})"
        return "fail", f"{reason}: check the address and that the server runs"
    except (AttributeError, ValueError):  # not the shape, or not even JSON
        reason = f"{where} does not answer as an OpenAI-compatible server"
        return "fail", f"{reason}: check the address, which usually ends in /v1"
    if judge.model in models:
        return "ok", f"{where} answers and has {judge.model}"
    advice = f"set judging.judges.model to one of its {len(models)}"
    return "fail", f"{where} has no model {judge.model!r}: {advice}"


def _prices(judging: Judging) -> list[Finding]:
    """Whether each real judge's price is known, which a budget in USD needs."""
    from alignment_monitor.judging.money import price_advice, price_of

    findings = []
    for judge in judging.judges:
        name = f"price {judge.name}"
        if judge.simulated:
            continue
        if price := price_of(judge):
            detail = f"{price.prompt:g} USD per million tokens read, {price.completion:g} written"
            findings.append(Finding(name, "ok", detail))
        elif judging.usd_per_day is None:
            findings.append(Finding(name, "warn", f"costs are not shown: {price_advice(judge)}"))
        else:
            detail = f"judging.usd_per_day cannot be kept: {price_advice(judge)}"
            findings.append(Finding(name, "fail", detail))
    return findings


def _money(settings: Settings) -> Finding:
    """What a day takes and costs, and whether its budget leaves room for traffic."""
    from alignment_monitor.judging.money import SAFETY_DEVIATIONS, UnknownPriceError
    from alignment_monitor.judging.rubric import load_rubric
    from alignment_monitor.operations.forecast import ordinary_day
    from alignment_monitor.store import StoreError, open_store

    try:
        rubric = load_rubric(settings.judging.rubric, settings.rubrics)
        usual, most = ordinary_day(settings, rubric, open_store(settings.store_url))
    except UnknownPriceError:
        return Finding("money", "fail", "what a day costs cannot be told without a price")
    except (ValueError, StoreError, OSError) as error:
        return Finding("money", "fail", str(error))
    detail = (
        f"a day asks each judge about {usual.known + usual.drawn:,} messages, "
        f"{usual.known:,} of them known ones{_for(usual, 0)}; "
        f"at most {most.known + most.drawn:,}{_for(most, SAFETY_DEVIATIONS)}"
    )
    if usual.guessed:
        detail += " (guessed high, until there are enough answers)"
    if usual.drawn >= min(FEWEST_OF_TRAFFIC, settings.sampling.messages_per_day):
        return Finding("money", "ok", detail)
    return Finding("money", "warn", f"{detail}. {_too_little(usual, settings.judging)}")


def _for(day: "Forecast", deviations: float) -> str:
    if not day.paid or day.usd is None:
        return ""
    return f" for {day.usd + deviations * day.usd_deviation:,.2f} USD"


def _too_little(usual: "Forecast", judging: Judging) -> str:
    """What to do about a budget that known messages alone use up, or nearly."""
    budget = "judging.calls_per_day"
    if judging.usd_per_day is not None:
        budget += " or judging.usd_per_day"
    return (
        f"That leaves {usual.drawn:,} messages of traffic, too few to see a change: raise "
        f"{budget}, or lower judging.sentinels_per_day or judging.canaries_per_day"
    )


def _channels(channels: tuple[ChannelSettings, ...]) -> list[Finding]:
    from alignment_monitor.alerting.channels import ChannelError
    from alignment_monitor.alerting.outlets import open_channel

    if not channels:
        return [
            Finding(
                "alerts",
                "warn",
                "no channel is set: alerts stand on the dashboard only "
                "(alerts.channels in monitor.yaml)",
            )
        ]
    findings = []
    for channel in channels:
        try:
            open_channel(channel)
        except ChannelError as error:
            findings.append(Finding(f"alerts {channel.name}", "fail", str(error)))
        else:
            findings.append(
                Finding(
                    f"alerts {channel.name}",
                    "ok",
                    "what it needs is set; try `alignment-monitor alert test`",
                )
            )
    return findings
