"""What is watched, and everything that one run of the detector knows.

Here belong: the settings of a watch and the run that decisions are made of. Here does not belong:
how either comes about (``replay``).
"""

from dataclasses import dataclass
from datetime import date

import pandas as pd

from alignment_monitor.detection.baseline import DIRECTIONS
from alignment_monitor.detection.history import History
from alignment_monitor.detection.inputs import Inputs
from alignment_monitor.statistics.cells import Floats
from alignment_monitor.statistics.standardise import Streams

DAYS_PER_YEAR = 365.25


@dataclass(frozen=True)
class Watch:
    """What is watched, and how quietly.

    Attributes:
        behaviours: questions watched.
        average_run_length_years: mean time between false pages stated for the installation.
        directions: 'up', 'down' or both; each takes its share of the budget.
        baseline_days: days with data that make a baseline.
    """

    behaviours: tuple[str, ...]
    average_run_length_years: float
    directions: tuple[str, ...] = DIRECTIONS
    baseline_days: int = 28

    @property
    def average_run_length_days(self) -> float:
        """The stated run length in days."""
        return self.average_run_length_years * DAYS_PER_YEAR


@dataclass(frozen=True)
class Run:
    """Everything one run of the detector knows.

    Attributes:
        watch: what was watched.
        first: day 0.
        streams: daily figures.
        inputs: the same in the engine's form.
        history: what the engine said of them.
        log_thresholds: log of the page threshold of each day.
        credit: days by which the run length of each day is raised for deployments.
        log_judge: the same of the judge's charts.
        deployments: deployment_family, deployment, first_day.
        begins: index of the first day of each family.
        resets: what was known of baselines made anew, see ``epochs``; null: none ever was.
    """

    watch: Watch
    first: pd.Timestamp
    streams: Streams
    inputs: Inputs
    history: History
    log_thresholds: Floats
    credit: Floats
    log_judge: float
    deployments: pd.DataFrame
    begins: dict[str, int]
    resets: pd.DataFrame | None = None

    def date(self, index: int) -> date:
        """Calendar day of an index."""
        return (self.first + pd.Timedelta(days=index)).date()
