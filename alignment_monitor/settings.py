"""monitor.yaml and the environment, as one typed object.

Here belong: every setting, its default, its meaning and its validation. Secrets come from the
environment only: a setting names the variable that holds one, never the secret itself. Those of
signing in stand in a file of their own, as Streamlit wants them.
"""

import hashlib
import os
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    Field,
    PositiveFloat,
    ValidationError,
    field_validator,
)

from alignment_monitor.alerts_settings import Alerts
from alignment_monitor.dashboard_settings import SECRETS_FILE, Dashboard
from alignment_monitor.judging_settings import Acceptance, Judge, Judging, Section

__all__ = ["Acceptance", "Judge", "Judging", "Settings", "SettingsError", "home_folder", "load"]

HOME_VARIABLE = "ALIGNMENT_MONITOR_HOME"
DEFAULT_HOME = ".alignment_monitor"
FILE_NAME = "monitor.yaml"
SIMULATED_MODEL = "simulated-judge"
"""What the simulated judge answers under; never mistaken for a real one."""


class SettingsError(Exception):
    """monitor.yaml cannot be used; the message says where and what to do."""


def _free(name: str) -> str:
    if name in ("sentinel", "canary"):
        raise ValueError(f"{name!r} names conversations of the monitor's own: choose another")
    return name


SourceName = Annotated[str, Field(min_length=1), AfterValidator(_free)]


class InboxSource(Section):
    """Conversations brought in by ``alignment-monitor import``."""

    kind: Literal["inbox"] = "inbox"
    name: SourceName = "inbox"


class SimulationSource(Section):
    """Traffic with a known truth, as the demo uses."""

    kind: Literal["simulation"]
    name: SourceName = "simulation"
    seed: int = 7
    first_day: date
    days: int = 60
    conversations_per_day: int = 300


Source = Annotated[InboxSource | SimulationSource, Field(discriminator="kind")]


BOOSTS = {"vulnerable": 3.0, "pushback": 3.0, "cued": 1.5, "plain": 0.5}


class Sampling(Section):
    """How many messages are judged, and which."""

    messages_per_day: int = Field(500, ge=1)
    messages_per_conversation: int = Field(1, ge=1)
    messages_per_user_per_day: int | None = Field(
        3, ge=1, description="of a user, on average at most; null: no limit"
    )
    minimum_per_stratum: int = Field(2, ge=0)
    boosts: dict[str, PositiveFloat] = BOOSTS
    learn_boosts: bool = Field(True, description="past verdicts refine the boosts")

    @field_validator("boosts")
    @classmethod
    def _complete(cls, given: dict[str, float]) -> dict[str, float]:
        if unknown := given.keys() - BOOSTS.keys():
            raise ValueError(f"no such bucket: {', '.join(unknown)}; there are {', '.join(BOOSTS)}")
        return BOOSTS | given


class Intake(Section):
    """What is accepted into the monitor."""

    segment_by: tuple[str, ...] = ("surface",)
    deployment_families: dict[str, str] = Field(
        {}, description="deployment: family; else the name up to its last date or version"
    )
    max_message_characters: int = 200_000
    max_turns: int = 2_000
    redact: bool = True


class Detection(Section):
    """When a change is called a drift."""

    behaviours: tuple[str, ...] | None = Field(None, description="null: all the rubric monitors")
    baseline_days: int = Field(28, ge=14)
    average_run_length_years: float = Field(
        5.0, gt=0, description="stated mean time between false pages, whole installation"
    )
    windows: tuple[int, ...] = (1, 7, 28)


class Labelling(Section):
    """What people are asked to label, and how they share it on the page."""

    messages_per_day: int = Field(
        0, ge=0, description="of each day's judged messages queued by itself; 0: those of commands"
    )
    double_label_share: float = Field(
        0.1, ge=0, le=1, description="share of messages that more than one annotator labels"
    )
    labels_per_message: int = Field(2, ge=1, le=3, description="annotators of each of those")
    lease_minutes: float = Field(
        15.0, gt=0, description="how long a message stays with the annotator who was given it"
    )


class Settings(Section):
    """Everything monitor.yaml can say. Each value has a default that works."""

    sources: tuple[Source, ...] = (InboxSource(),)
    first_day: date = date(2025, 1, 1)
    intake: Intake = Intake()
    sampling: Sampling = Sampling()
    judging: Judging = Judging()
    detection: Detection = Detection()
    alerts: Alerts = Alerts()
    labelling: Labelling = Labelling()
    dashboard: Dashboard = Dashboard()
    dashboard_url: str = "http://localhost:8501"
    random_key: str = Field("alignment-monitor", description="key of the sampling hash")

    home: Path = Field(default=Path(DEFAULT_HOME), exclude=True)

    @property
    def lake(self) -> Path:
        """Root of the immutable row tables."""
        return self.home / "lake"

    @property
    def rubrics(self) -> Path:
        """Rubrics of one's own, which come before the packaged ones."""
        return self.home / "rubrics"

    @property
    def marts(self) -> Path:
        """Root of the files that dashboards read."""
        return self.home / "marts"

    @property
    def warehouse(self) -> Path:
        """What dbt builds; disposable."""
        return self.home / "warehouse.duckdb"

    @property
    def store_url(self) -> str:
        """SQLAlchemy address of the operational store."""
        return os.environ.get(
            "ALIGNMENT_MONITOR_STORE_URL", f"sqlite:///{self.home.resolve() / 'store.sqlite'}"
        )

    @property
    def dagster_home(self) -> Path:
        """Dagster's own storage."""
        return self.home / "dagster"

    @property
    def secrets(self) -> Path:
        """What signing in to the dashboard needs; without the file nobody signs in."""
        return self.home / SECRETS_FILE

    @property
    def simulated(self) -> bool:
        """Some verdicts come from a simulated judge, which every page must say."""
        return any(judge.simulated for judge in self.judging.judges)

    @cached_property
    def user_key_secret(self) -> bytes:
        """Key of the user hash: from the environment, else made once and kept in the home."""
        if value := os.environ.get("ALIGNMENT_MONITOR_USER_KEY"):
            return value.encode()
        path = self.home / "user.key"
        if not path.exists():
            self.home.mkdir(parents=True, exist_ok=True)
            temporary = path.with_suffix(f".{os.getpid()}.tmp")
            temporary.touch(mode=0o600)
            temporary.write_bytes(os.urandom(32).hex().encode())
            try:
                os.link(temporary, path)  # whoever comes first wins; nobody overwrites
            except FileExistsError:
                pass
            finally:
                temporary.unlink()
        return path.read_bytes()

    def digest(self, *sections: str) -> str:
        """A short hash of the named sections: equal settings, equal hash."""
        text = self.model_dump_json(include=set(sections))
        return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def home_folder(home: Path | str | None = None) -> Path:
    """The home folder: the argument, else ALIGNMENT_MONITOR_HOME, else ./.alignment_monitor."""
    return Path(home or os.environ.get(HOME_VARIABLE) or DEFAULT_HOME).resolve()


def load(home: Path | str | None = None) -> Settings:
    """Read monitor.yaml of a home folder; an absent file means all defaults.

    Raises:
        SettingsError: the file is not YAML, or a value is not allowed.
    """
    folder = home_folder(home)
    path = folder / FILE_NAME
    data: Any = {}
    if path.exists():
        try:
            data = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise SettingsError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(data, dict):
        raise SettingsError(f"{path} must hold `name: value` lines, not a {type(data).__name__}")
    try:
        return Settings(**{**data, "home": folder})
    except ValidationError as error:
        problems = "\n".join(
            f"  {'.'.join(map(str, item['loc'])) or '(top)'}: {item['msg']}"
            for item in error.errors()
        )
        raise SettingsError(f"{path} has settings that cannot be used:\n{problems}") from error
