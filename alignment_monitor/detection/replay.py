"""Is a monitored series drifting? One causal decision for each series and day.

Here belong: what is known by a day, the budget of false pages, and the choice of the stream that
stands for a series. Here does not belong: the test (``engine``) or what its results say
(``decisions``).

A series is family x behaviour x direction. Another rubric or panel is another stream of data with
its own baseline; a series shows the stream with most days of data in the last week, so that one
odd day does not restart it. A baseline made anew is another stream too (``epochs``), which stands
from the day on which that was recorded. A, the page threshold, is the days between false pages
stated for the installation times the number of its series; days of a deployment weigh more
(``start_mass``). The judge's charts have a budget of their own: each raises a false alarm once in
the stated time at most.
"""

from datetime import date

import numpy as np
import pandas as pd

from alignment_monitor.contracts import DRIFT_SIGNALS
from alignment_monitor.detection.alarms import decided
from alignment_monitor.detection.decisions import decisions
from alignment_monitor.detection.history import run_engine
from alignment_monitor.detection.inputs import inputs_of
from alignment_monitor.detection.start_mass import Deployment, masses_of
from alignment_monitor.detection.watch import Run, Watch
from alignment_monitor.statistics.cells import Floats, Integers, day_of, shaped
from alignment_monitor.statistics.epochs import no_resets, steps, with_epochs
from alignment_monitor.statistics.standardise import daily_streams

RECENT_DAYS = 7


def replay(
    user_days: pd.DataFrame,
    watch: Watch,
    *,
    deployments: pd.DataFrame,
    from_day: date,
    to_day: date,
    quality: pd.DataFrame | None = None,
    labels: pd.DataFrame | None = None,
    resets: pd.DataFrame | None = None,
    marks: pd.DataFrame | None = None,
) -> Run:
    """Run the detector over all days there are; each day knows that day and earlier ones only.

    Args:
        user_days: sufficient statistics by day, cell and user, from the first day there is.
        watch: what is watched.
        deployments: deployment_family, deployment, first_day.
        from_day: a day that the run reaches back to, with data or without.
        to_day: last day.
        quality: rows of ``judge_quality``; null or none: the judges never see sentinels, and a
            change is taken for the model's. With them, one that they do not clear of the judge is
            indeterminate.
        labels: as ``label_days`` takes them; null: nobody labels.
        resets: baselines made anew, as ``epochs.steps`` takes them; later ones are not known yet.
        marks: deployments that people marked: deployment_family (null: all), day, recorded_on;
            null: none. Each counts from the day on which it was recorded.
    """
    resets = no_resets() if resets is None else resets
    resets = resets[day_of(resets["recorded_on"]) <= pd.Timestamp(to_day)]
    first, user_days, deployments = _known(user_days, deployments, watch, from_day, to_day)
    days = (pd.Timestamp(to_day) - first).days + 1
    begins = _first_days(user_days, deployments, first)
    epochs = with_epochs(user_days, resets)
    streams = daily_streams(epochs, first=first, days=days, baseline_days=watch.baseline_days)
    series = _families(begins, days) * len(watch.behaviours) * len(watch.directions)
    masses, credit = masses_of(_begun(deployments, marks), begins, first.date(), days)
    run_length = watch.average_run_length_days + credit
    log_thresholds = np.log(run_length * np.maximum(series, 1))
    labels = _in_epochs(labels, resets)
    inputs = inputs_of(streams, first=first, quality=quality, labels=labels, masses=masses)
    log_judge = float(np.log(watch.average_run_length_days))
    return Run(
        watch=watch,
        first=first,
        streams=streams,
        inputs=inputs,
        history=run_engine(
            inputs,
            log_thresholds,
            log_judge,
            sentinels_required=quality is not None and not quality.empty,
        ),
        log_thresholds=log_thresholds,
        credit=credit,
        log_judge=log_judge,
        deployments=deployments,
        begins=begins,
        resets=resets,
    )


def detect(run: Run, from_day: date) -> pd.DataFrame:
    """Decide every series on every day of a run from a day on.

    Returns:
        Rows of ``DRIFT_SIGNALS`` of type MODEL. A family has rows from its first day on; a day
        without data says no_data, carries the statistic and decides nothing.
    """
    start = (pd.Timestamp(from_day) - run.first).days
    said = decided(run.history, run.log_thresholds)
    parts = [
        decisions(
            run,
            said,
            family,
            behaviour,
            direction,
            standing(run, family, behaviour),
            max(start, begun),
        )
        for family, begun in run.begins.items()
        for behaviour in run.watch.behaviours
        for direction in run.watch.directions
    ]
    rows = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return shaped(rows, DRIFT_SIGNALS.schema.names)


def _in_epochs(labels: pd.DataFrame | None, resets: pd.DataFrame) -> pd.DataFrame | None:
    return None if labels is None or labels.empty else with_epochs(labels, resets)


def _begun(deployments: pd.DataFrame, marks: pd.DataFrame | None) -> list[Deployment]:
    """Deployments that the data show, known on their first day, and those that people marked."""
    seen = zip(deployments["deployment_family"], deployments["first_day"], strict=True)
    found = [Deployment(str(family), day.date(), day.date()) for family, day in seen]
    if marks is None or marks.empty:
        return found
    columns = (marks[name] for name in ("deployment_family", "day", "recorded_on"))
    return found + [
        Deployment(None if pd.isna(family) else str(family), *map(_day, days))
        for family, *days in zip(*columns, strict=True)
        if pd.notna(days[1])
    ]


def _day(value: object) -> date:
    return pd.Timestamp(value).date()  # type: ignore[arg-type]


def _known(
    user_days: pd.DataFrame,
    deployments: pd.DataFrame,
    watch: Watch,
    from_day: date,
    to_day: date,
) -> tuple[pd.Timestamp, pd.DataFrame, pd.DataFrame]:
    """The first day there is, and what was known by the last day."""
    last = pd.Timestamp(to_day)
    user_days = user_days.assign(day=day_of(user_days["day"]))
    watched = user_days["behaviour"].isin(watch.behaviours) & (user_days["day"] <= last)
    user_days = user_days[watched]
    deployments = deployments.assign(first_day=day_of(deployments["first_day"]))
    deployments = deployments[deployments["first_day"] <= last]
    begun = [days.min() for days in (user_days["day"], deployments["first_day"]) if len(days)]
    return min([pd.Timestamp(from_day), *begun]), user_days, deployments


def _first_days(
    user_days: pd.DataFrame, deployments: pd.DataFrame, first: pd.Timestamp
) -> dict[str, int]:
    """Index of the first day of each family."""
    served = deployments[["deployment_family", "first_day"]].set_axis(
        ["deployment_family", "day"], axis=1
    )
    known = pd.concat([user_days[["deployment_family", "day"]], served])
    begun = known.groupby("deployment_family", sort=True)["day"].min()
    return {str(family): (day - first).days for family, day in begun.items()}


def _families(begins: dict[str, int], days: int) -> Integers:
    """How many families there are by each day."""
    return np.searchsorted(np.array(sorted(begins.values())), np.arange(days), side="right")


def standing(run: Run, family: str, behaviour: str) -> Integers:
    """Stream that stands for a series on each day; -1 while there is none."""
    streams = run.streams
    labels, days = streams.labels, streams.n.shape[1]
    own = (labels["deployment_family"] == family) & (labels["behaviour"] == behaviour)
    mine = np.flatnonzero(own)
    if not len(mine):
        return np.full(days, -1)
    resets = no_resets() if run.resets is None else run.resets
    stands = steps(resets, family, behaviour).standing(pd.date_range(run.first, periods=days))
    epoch = labels["epoch"].to_numpy(dtype=np.int64)[mine]
    has = streams.n[mine] > 0
    counted = np.cumsum(np.pad(has.astype(float), ((0, 0), (RECENT_DAYS, 0))), axis=1)
    recent: Floats = counted[:, RECENT_DAYS:] - counted[:, :-RECENT_DAYS]
    latest = np.maximum.accumulate(np.where(has, np.arange(days), -1), axis=1)
    begun = has.argmax(axis=1)[:, None]
    # Most days in the last week; among equals the latest day; then the newest stream.
    rank: Floats = (recent * days + latest) * days + begun
    eligible = (latest >= 0) & (epoch[:, None] == stands)
    best = np.where(eligible, rank, -np.inf).argmax(axis=0)
    return np.where(eligible.any(axis=0), mine[best], -1)
