"""The demo: sixty days of simulated traffic through the real pipeline, in minutes.

Here belong: its settings, its steps and its closing words. Everything it runs is the product.
"""

import json
import os
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml

from alignment_monitor.operations import servers
from alignment_monitor.operations.pipeline import Outcome, run_days
from alignment_monitor.settings import FILE_NAME, Settings, SettingsError, SimulationSource, load

FOLDER = "demo"
MARK = "complete.json"
JUDGED_A_DAY = 140
SENTINELS_A_DAY = 16
CANARIES_A_DAY = 4
"""With these a demo of sixty days makes about 9,900 calls."""


def demo_settings(home: Path, *, days: int, seed: int, last_day: date) -> Settings:
    """The demo's home, made at the first call and kept as it is afterwards.

    Raises:
        SettingsError: the home is another's, or its monitor.yaml cannot be used.
    """
    path = home / FILE_NAME
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True)
        first_day = last_day - timedelta(days=days - 1)
        path.write_text(
            _MONITOR_YAML.format(
                seed=seed,
                days=days,
                first_day=first_day,
                judged=JUDGED_A_DAY,
                sentinels=SENTINELS_A_DAY,
                canaries=CANARIES_A_DAY,
            ),
            encoding="utf-8",
        )
    settings = load(home)
    if not any(isinstance(source, SimulationSource) for source in settings.sources):
        raise SettingsError(f"{path} is not the demo's: give the demo a folder of its own")
    return settings


def simulation(settings: Settings) -> SimulationSource:
    """The simulated source of a demo's settings."""
    return next(source for source in settings.sources if isinstance(source, SimulationSource))


def is_complete(settings: Settings) -> bool:
    """Whether a run of exactly these settings has ended well."""
    mark = settings.home / MARK
    return mark.exists() and json.loads(mark.read_text()) == _state(settings)


def run_demo(settings: Settings, announce: Callable[[str], None]) -> Outcome:
    """Simulate, serve the judge, run all days as one ranged run.

    Args:
        settings: of the demo's home.
        announce: told in a few words what begins.
    """
    from alignment_monitor.operations.labels import known_messages
    from alignment_monitor.simulation.truth import add_labels, write_truth

    world = simulation(settings)
    announce(f"Simulating {world.days} days of traffic with a known truth")
    truth = settings.home / "truth.parquet"
    write_truth(world, truth)
    add_labels(truth, known_messages())
    with servers.judge_server(truth, settings.home / "judge", seed=world.seed) as address:
        os.environ["OPENAI_BASE_URL"] = address
        outcome = run_days(settings, *span(settings))
    if outcome.success:
        (settings.home / MARK).write_text(json.dumps(_state(settings)), encoding="utf-8")
    return outcome


def span(settings: Settings) -> tuple[date, date]:
    """First and last simulated day."""
    world = simulation(settings)
    return world.first_day, world.first_day + timedelta(days=world.days - 1)


def _state(settings: Settings) -> dict[str, Any]:
    text: dict[str, Any] = yaml.safe_load((settings.home / FILE_NAME).read_text(encoding="utf-8"))
    return json.loads(json.dumps(text, default=str))


_MONITOR_YAML = """\
# The demo's settings. Its traffic is simulated and its judge answers from the known truth.
sources:
  - kind: simulation
    seed: {seed}
    first_day: {first_day}
    days: {days}
first_day: {first_day}
sampling:
  messages_per_day: {judged}
judging:
  sentinels_per_day: {sentinels}
  canaries_per_day: {canaries}
  judges:
    - name: simulated
      provider: simulation
      model: simulated-judge
      api_key_variable: SIMULATED_JUDGE_KEY
      simulated: true
"""
