"""A world of the default size, simulated once, and its truth."""

from datetime import date

import pytest

from alignment_monitor.settings import SimulationSource
from alignment_monitor.simulation.truth import Truth, write_truth
from alignment_monitor.simulation.world import SimulatedConversation, simulate


@pytest.fixture(scope="session")
def config() -> SimulationSource:
    return SimulationSource(kind="simulation", first_day=date(2025, 3, 3))


@pytest.fixture(scope="session")
def world(config: SimulationSource) -> list[SimulatedConversation]:
    return list(simulate(config))


@pytest.fixture(scope="session")
def small_config() -> SimulationSource:
    return SimulationSource(
        kind="simulation", first_day=date(2025, 3, 3), days=12, conversations_per_day=300
    )


@pytest.fixture(scope="session")
def truth_file(small_config: SimulationSource, tmp_path_factory: pytest.TempPathFactory):
    path = tmp_path_factory.mktemp("truth") / "truth.parquet"
    write_truth(small_config, path)
    return path


@pytest.fixture(scope="session")
def truth(truth_file) -> Truth:
    return Truth.load(truth_file)
