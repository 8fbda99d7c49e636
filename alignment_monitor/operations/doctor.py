"""Is this installation able to work? Each finding says what to do about it."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from alignment_monitor.settings import FILE_NAME, Judge, Settings, SettingsError, Webhook, load


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
    """Look at configuration, folders, keys, judges and channels, in this order."""
    try:
        settings = load(home)
    except SettingsError as error:
        return [Finding("configuration", "fail", str(error))]
    file = home / FILE_NAME
    found = f"{file}" if file.exists() else "defaults (write a file with `alignment-monitor init`)"
    return [
        Finding("configuration", "ok", found),
        _writable(home),
        *(finding for judge in settings.judging.judges for finding in _judge(judge)),
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


def _address(judge: Judge) -> str | None:
    return judge.base_url or os.environ.get("OPENAI_BASE_URL")


def _writable(home: Path) -> Finding:
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=home):
            pass
    except OSError as error:
        return Finding(
            "home",
            "fail",
            f"{home} cannot be written ({error.strerror}): choose "
            "another with ALIGNMENT_MONITOR_HOME or change its rights",
        )
    return Finding("home", "ok", f"{home} can be written")


def _judge(judge: Judge) -> list[Finding]:
    name, key = f"judge {judge.name}", os.environ.get(judge.api_key_variable)
    if not key and not _address(judge):
        return [
            Finding(
                name,
                "fail",
                f"no key: set {judge.api_key_variable}, or OPENAI_BASE_URL for a compatible server",
            )
        ]
    import openai

    client = openai.OpenAI(
        base_url=_address(judge), api_key=key or "none", max_retries=0, timeout=10
    )
    where = _address(judge) or "OpenAI"
    try:
        models = {model.id for model in client.models.list()}
    except openai.AuthenticationError:
        return [Finding(name, "fail", f"{where} refuses the key in {judge.api_key_variable}")]
    except openai.APIStatusError as error:
        return [
            Finding(
                name,
                "warn",
                f"{where} answers {error.status_code} to a list of models; "
                "many compatible servers have none",
            )
        ]
    except openai.APIError as error:
        return [
            Finding(
                name,
                "fail",
                f"{where} cannot be reached ({type(error).__name__}): check "
                "the address and that the server runs",
            )
        ]
    if judge.model not in models:
        return [
            Finding(
                name,
                "fail",
                f"{where} has no model {judge.model!r}: set judging.judges."
                f"model to one of its {len(models)}",
            )
        ]
    return [Finding(name, "ok", f"{where} answers and has {judge.model}")]


def _channels(channels: tuple[Webhook, ...]) -> list[Finding]:
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
        needed = [channel.secret_variable, *([] if channel.url else [channel.url_variable])]
        missing = [name for name in needed if not name or not os.environ.get(name)]
        findings.append(
            Finding(f"alerts {channel.name}", "fail", f"not set: {', '.join(map(str, missing))}")
            if missing
            else Finding(f"alerts {channel.name}", "ok", "address and secret are set")
        )
    return findings
