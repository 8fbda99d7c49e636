"""Do users come with other opportunities, or does the model draw them out?

Here belong: the opportunity rates of a family under the same detector as its behaviours, and what
a moved one is put down to. Here does not belong: the detector (``replay``), or who is told.

A reply changes what the user says next, so a moving rate alone tells nothing of traffic. Answers to
first turns and to later turns are therefore the two segments of a rate. It is TRAFFIC when first
turns, which owe nothing to the model, moved the same way and sentinels clear the judge; all else
is UNATTRIBUTED. Neither pages, and neither has a part in what is said of a model: these rates are
watched by a run of their own, on a budget of their own.
"""

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd

from alignment_monitor.contracts import DRIFT_SIGNALS
from alignment_monitor.detection.alarms import Decisions, decided
from alignment_monitor.detection.attribution import Attribution, Recent
from alignment_monitor.detection.baseline import DIRECTIONS, Mask
from alignment_monitor.detection.day import Budget
from alignment_monitor.detection.decisions import decisions
from alignment_monitor.detection.history import FEWEST_STREAMS
from alignment_monitor.detection.instrument import Instrument
from alignment_monitor.detection.localise import change_index
from alignment_monitor.detection.replay import replay, standing
from alignment_monitor.detection.sentinel_days import SentinelDays, sentinel_days
from alignment_monitor.detection.watch import Run, Watch
from alignment_monitor.statistics.cells import Floats, shaped

SHARE = 0.1
"""False alarms of all opportunity rates together, for each false page that is stated. They are
beside those pages, and never pages themselves."""

FIRST, LATER = "first turn", "later turns"
"""The segments of an opportunity rate."""

MOVED = 2.33
"""Standard errors by which first turns must have moved since the change; 1 % by chance."""

TYPES = ("TRAFFIC", "UNATTRIBUTED")


@dataclass(frozen=True)
class TrafficRun:
    """What is known of the opportunity rates.

    Attributes:
        run: of the detector on them, without any correction for the judge.
        sentinels: judged for each flag, day x stream x (positive, negative).
        judge: highest log statistic of the flag's sentinel charts, stream x day.
        log_judge: log of their alarm threshold, that of JUDGE alerts.
        quiet: sentinels clear the judge of a change as large, stream x day x direction.
    """

    run: Run
    sentinels: SentinelDays
    judge: Floats
    log_judge: float
    quiet: Mask


@dataclass(frozen=True)
class Cause:
    """What a rate that moved is put down to.

    Attributes:
        type: TRAFFIC or UNATTRIBUTED.
        since: index of the day on which the change began.
        first_turns: how far first turns moved the same way since then, in standard errors; not a
            number where they have no data.
        quiet: sentinels clear the judge.
    """

    type: str
    since: int
    first_turns: float
    quiet: bool


@dataclass(frozen=True)
class Whose:
    """What speaks for and against the judge and the users, on the last day of a run.

    Attributes:
        sentinels: judged on the day, positive and negative ones.
        judge: highest log statistic of their charts; minus infinity before there is any.
        log_judge: log of the threshold of these.
        quiet: sentinels clear the judge.
        cause: what the change is put down to; none where the rate does not warn.
    """

    sentinels: tuple[int, int]
    judge: float
    log_judge: float
    quiet: bool
    cause: Cause | None


def replay_traffic(
    opportunities: pd.DataFrame,
    watch: Watch,
    *,
    deployments: pd.DataFrame,
    from_day: date,
    to_day: date,
    quality: pd.DataFrame | None = None,
    resets: pd.DataFrame | None = None,
) -> TrafficRun:
    """Run the detector on opportunity rates; each day knows that day and earlier ones only.

    Args:
        opportunities: sufficient statistics by day, family, flag, user and segment, which is
            ``FIRST`` or ``LATER``; from the first day there is.
        watch: the flags, and the run length stated for pages; these series have ``SHARE`` of its
            false alarms.
        deployments: deployment_family, deployment, first_day.
        from_day: a day that the run reaches back to, with data or without.
        to_day: last day.
        quality: rows of ``judge_quality``; null or none: no sentinel clears the judge.
        resets: baselines made anew, as ``epochs.steps`` takes them.
    """
    own = replace(watch, average_run_length_years=watch.average_run_length_years / SHARE)
    run = replay(
        opportunities,
        own,
        deployments=deployments,
        from_day=from_day,
        to_day=to_day,
        resets=resets,
    )
    days = run.streams.n.shape[1]
    seen = np.isfinite(run.inputs.rate[..., 0])
    begins = np.where(seen.any(axis=0), seen.argmax(axis=0), days)
    sentinels = sentinel_days(
        run.streams.labels, quality, begins=begins, first=run.first, days=days
    )
    log_judge = float(np.log(watch.average_run_length_days))
    judge, quiet = _judged(run, sentinels, log_judge)
    return TrafficRun(run, sentinels, judge, log_judge, quiet)


def traffic_signals(traffic: TrafficRun, from_day: date) -> pd.DataFrame:
    """Decide every opportunity rate on every day of a run from a day on.

    Returns:
        Rows of ``DRIFT_SIGNALS``, one of each of ``TYPES`` for a family, flag, direction and day:
        at most one of the two says WARN, so that each ends by itself when the other takes over.
    """
    run = traffic.run
    start = (pd.Timestamp(from_day) - run.first).days
    said = warned(traffic)
    parts = []
    for family, begun in run.begins.items():
        for flag in run.watch.behaviours:
            stands = standing(run, family, flag)
            for direction in run.watch.directions:
                series = (family, flag, direction)
                rows = decisions(run, said, *series, stands, max(start, begun))
                parts += _by_type(traffic, rows, stands)
    rows = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return shaped(rows, DRIFT_SIGNALS.schema.names)


def warned(traffic: TrafficRun) -> Decisions:
    """WARN or NONE, stream x day x direction: the statistic is past A, and as long as it lasts."""
    run = traffic.run
    alarm = decided(run.history, run.log_thresholds) == "PAGE"
    return np.where(alarm, "WARN", "NONE")


def cause(traffic: TrafficRun, stream: int, day: int, facing: int) -> Cause:
    """What the change of a rate is put down to, on a day on which it warns.

    The first turns' own test is the sum of their standardised deviations since the change over the
    root of the number of days (Stouffer et al. 1949), which is N(0, 1) at most where they stayed.

    Args:
        traffic: the run.
        stream: of the run.
        day: its index.
        facing: index of the direction.
    """
    history = traffic.run.history
    z = history.z[stream, : day + 1, :, facing]
    view = int(history.view[stream, day, facing])
    since = change_index(z[:, view] if np.isfinite(z[:, view]).any() else z[:, 0])
    first = _view_of(traffic.run, FIRST)
    own = z[since:, first] if first is not None else np.empty(0)
    own = own[np.isfinite(own)]
    moved = float(own.sum() / np.sqrt(len(own))) if len(own) else float("nan")
    quiet = bool(traffic.quiet[stream, day, facing])
    return Cause(TYPES[not (quiet and moved >= MOVED)], since, moved, quiet)


def whose(traffic: TrafficRun, family: str, flag: str, direction: str) -> Whose:
    """What is known of a series' change on the last day of a run that its stream stands on."""
    day, facing = traffic.run.streams.n.shape[1] - 1, DIRECTIONS.index(direction)
    stream = int(standing(traffic.run, family, flag)[day])
    positive, negative = np.round(traffic.sentinels.judged[day, stream]).astype(int)
    raised = warned(traffic)[stream, day, facing] == "WARN"
    return Whose(
        sentinels=(int(positive), int(negative)),
        judge=float(traffic.judge[stream, day]),
        log_judge=traffic.log_judge,
        quiet=bool(traffic.quiet[stream, day, facing]),
        cause=cause(traffic, stream, day, facing) if raised else None,
    )


def _view_of(run: Run, segment: str) -> int | None:
    """View of a segment; none where no baseline knows it."""
    known = run.streams.segments[: run.streams.mix.shape[1]]
    return 1 + known.index(segment) if segment in known else None


def _by_type(traffic: TrafficRun, rows: pd.DataFrame, stands: np.ndarray) -> list[pd.DataFrame]:
    """The rows of one series once for each type; a warning stays with its cause alone."""
    causes = np.full(len(rows), "", dtype="<U12")
    for place in np.flatnonzero(rows["decision"] == "WARN"):
        row = rows.iloc[place]
        day = (pd.Timestamp(row["day"]) - traffic.run.first).days
        facing = DIRECTIONS.index(str(row["direction"]))
        causes[place] = cause(traffic, int(stands[day]), day, facing).type
    return [_of_type(rows, kind, causes != kind) for kind in TYPES]


CHANGE = ("segment", "change_day", "nearest_deployment", "effect", "effect_lower", "effect_upper")


def _of_type(rows: pd.DataFrame, kind: str, silent: Mask) -> pd.DataFrame:
    rest = rows["series"].str.partition("/")[2]
    found = rows.assign(type=kind, series=f"{kind}/" + rest, labels_wanted=False)
    found.loc[silent, "decision"] = "NONE"
    found.loc[silent, list(CHANGE)] = None
    return found


def _judged(run: Run, sentinels: SentinelDays, log_judge: float) -> tuple[Floats, Mask]:
    """The sentinels' charts, and where they clear the judge, day by day."""
    inputs, history = run.inputs, run.history
    streams = inputs.rate.shape[1]
    shape = (streams, len(inputs.rate))
    if not streams:
        return np.empty(shape), np.empty((*shape, len(DIRECTIONS)), dtype=bool)
    # As many as the detector had: a sum over one stream may round otherwise.
    wide = np.pad(np.arange(streams), (0, max(FEWEST_STREAMS - streams, 0)), mode="edge")
    instrument = Instrument(len(wide), log_judge, Budget(np.empty(0), log_judge).log_suspect)
    attribution, whole = Attribution(), np.zeros((len(wide), len(DIRECTIONS)), dtype=np.int64)
    highest, quiet = [], []
    for day in range(shape[1]):
        flagged, judged = sentinels.flagged[day, wide], sentinels.judged[day, wide]
        judge = instrument.step(
            flagged,
            judged,
            weekend=bool(inputs.weekend[day]),
            young=inputs.young[day, wide],
            watched=inputs.watched[day, wide],
        )
        mean = history.baseline.mean[wide, day][:, None]
        today = Recent(
            history.z[wide, day, :1],
            inputs.rate[day, wide, :1] - mean,
            history.deviation[wide, day][:, None] ** 2,
            flagged,
            judged,
        )
        covered = attribution.covers(today, whole, mean, judge)
        highest.append(judge.statistic.reshape(len(wide), -1).max(axis=1))
        quiet.append((judge.known & ~judge.fired & ~judge.suspect)[:, None] & ~covered)
    return np.stack(highest, axis=1)[:streams], np.stack(quiet, axis=1)[:streams]
