"""The detector as one home has it: by its settings, on its history.

Here belongs what must be the same wherever the detector is run. Here does not belong: the test.
"""

from datetime import date

from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.resources import warehouse
from alignment_monitor.settings import Settings
from alignment_monitor.statistics.decisions import Run, Watch
from alignment_monitor.statistics.detection import replay


def replay_home(settings: Settings, rubric: Rubric, *, from_day: date, to_day: date) -> Run:
    """Run a home's detector over all days that it has, up to the last.

    Raises:
        WarehouseError: the home's sufficient statistics cannot be read.
    """
    watch = Watch(
        behaviours=settings.detection.behaviours or rubric.monitored,
        average_run_length_years=settings.detection.average_run_length_years,
        baseline_days=settings.detection.baseline_days,
    )
    return replay(
        warehouse.user_days(settings.warehouse, date.min, to_day, watch.behaviours),
        watch,
        deployments=warehouse.deployments(settings.warehouse),
        from_day=from_day,
        to_day=to_day,
    )
