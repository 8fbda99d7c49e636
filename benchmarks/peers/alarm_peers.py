"""Other tools say on which days they would alarm: run by detection_peers in their environment.

    python alarm_peers.py INPUT.npz OUTPUT.npz METHOD KNOB [KNOB ...]

The input has ``rates``, ``n`` and ``positives``, series x day, and ``baseline_days``; the output
has ``alarms``, knob x series x day, never on a day of the baseline. Days without messages are left
out.

What each tool is given, and what it does after an alarm:

- river reads a stream and knows no baseline; it learns from the first day on. Its documentation
  feeds a detector value by value, so it is fed each message's outcome, a day's messages in random
  order; or a rate a day, raw or in standard deviations of the baseline. After an alarm both
  detectors start anew by themselves: ADWIN drops what came before, Page-Hinkley begins at the next
  value. ADWIN looks at every 32nd value by default; with standardised days it looks at each.
  Page-Hinkley's delta of 0.005 is meant for outcomes; in standard deviations it is 0.5, half of a
  shift by one, which is also drift-caliper's.
- drift-caliper wants a hundred values for a baseline and, for outcomes that are yes or no, rates of
  batches that do not overlap: each day's messages are parted into as many batches as make a hundred
  of the baseline. The knob is its target run length, here in days. It leaves open what follows a
  signal; here a new monitor starts at the next batch, with the same limits.
- Evidently compares the messages of the last day or the last seven with those of the baseline; it
  has no memory and says so every day. Its distance and its p-value depend on four counts, so they
  are computed for all days at once by the same formulas, and some are held against its own report.
"""

import functools
import math
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

SEED = 41
CALIPER_LEAST = 100
WEEK = 7
CHECKS = 3
PAGE_HINKLEY_DELTA = 0.5


@dataclass(frozen=True)
class Given:
    """Daily figures, series x day, and how many days the baseline has."""

    rates: np.ndarray
    n: np.ndarray
    positives: np.ndarray
    baseline_days: int


Method = Callable[[Given, Sequence[float]], np.ndarray]
Feed = Callable[[Given, int], tuple[list[float], list[int]]]


def messages(given: Given, series: int) -> tuple[list[float], list[int]]:
    """Each message's outcome and its day, in random order within the day."""
    n, positives = given.n[series], given.positives[series]
    day = np.repeat(np.arange(len(n)), n)
    place = np.arange(len(day)) - np.repeat(np.cumsum(n) - n, n)
    outcome = (place < np.repeat(positives, n)).astype(float)
    chance = np.random.default_rng([SEED, series]).random(len(day))
    return outcome[np.lexsort((chance, day))].tolist(), day.tolist()


def days(given: Given, series: int) -> tuple[list[float], list[int]]:
    """The rate of each day that has one."""
    seen = np.flatnonzero(given.n[series])
    return given.rates[series, seen].tolist(), seen.tolist()


def standardised_days(given: Given, series: int) -> tuple[list[float], list[int]]:
    """The same in standard deviations of the baseline's days, from their mean."""
    rates, seen = days(given, series)
    known = [rate for rate, day in zip(rates, seen, strict=True) if day < given.baseline_days]
    middle, spread = float(np.mean(known)), float(np.std(known, ddof=1))
    return [(rate - middle) / spread for rate in rates], seen


def river(make: Callable[[float], Any], feed: Feed) -> Method:
    """A detector of river, by its knob, over a stream."""

    def run(given: Given, knobs: Sequence[float]) -> np.ndarray:
        alarms = np.zeros((len(knobs), *given.n.shape), dtype=bool)
        for series in range(len(given.n)):
            values, when = feed(given, series)
            for number, knob in enumerate(knobs):
                detector = make(knob)
                update = detector.update
                for value, day in zip(values, when, strict=True):
                    update(value)
                    if detector.drift_detected:
                        alarms[number, series, day] = True
        return alarms

    return run


def adwin(delta: float, **options: int) -> Any:
    from river import drift

    return drift.ADWIN(delta=delta, **options)


def page_hinkley(threshold: float, **options: float) -> Any:
    from river import drift

    return drift.PageHinkley(threshold=threshold, **options)


def batches(given: Given, count: int) -> tuple[np.ndarray, np.ndarray]:
    """A day's messages parted by chance: n and positives, series x day x batch."""
    rng = np.random.default_rng(SEED)
    left, positive = given.n.copy(), given.positives.copy()
    sizes, events = [], []
    for number in range(count):
        size = left // (count - number)
        event = rng.hypergeometric(positive, left - positive, size)
        left, positive = left - size, positive - event
        sizes.append(size)
        events.append(event)
    return np.stack(sizes, axis=-1), np.stack(events, axis=-1)


def caliper(chart: str) -> Method:
    """A chart of drift-caliper, calibrated by itself to a run length in days."""

    def run(given: Given, knobs: Sequence[float]) -> np.ndarray:
        import drift_caliper as tool
        from drift_caliper.baseline.domain import ewma_fitting

        # The multiplier depends on smoothing and run length alone and takes 0.2 s to find.
        solve = "_calibrate_limit_multiplier"
        setattr(ewma_fitting, solve, functools.cache(getattr(ewma_fitting, solve)))
        fit = {"cusum": tool.fit_cusum, "ewma": tool.fit_ewma}[chart]
        origin = tool.Provenance(
            model_version=tool.ModelVersion(value="simulated-judge"),
            scoring_criteria=tool.ScoringCriteria(value="share of messages with the event"),
        )

        def scored(rate: float) -> Any:
            return tool.ScoringResult(score=rate, reasoning="simulated", provenance=origin)

        count = math.ceil(CALIPER_LEAST / given.baseline_days)
        sizes, events = batches(given, count)
        alarms = np.zeros((len(knobs), *given.n.shape), dtype=bool)
        for series in range(len(given.n)):
            baseline, watched = tool.Baseline(), []
            for day, batch in np.argwhere(sizes[series] > 0).tolist():
                result = scored(events[series, day, batch] / sizes[series, day, batch])
                if day < given.baseline_days:
                    baseline.record(result)
                else:
                    watched.append((day, result))
            for number, knob in enumerate(knobs):
                fitted = fit(baseline, target_arl=knob * count)
                monitor = tool.Monitor(fitted, retain_history=False)
                for day, result in watched:
                    if not monitor.record(result).is_in_control:
                        alarms[number, series, day] = True
                        monitor = tool.Monitor(fitted, retain_history=False)
        return alarms

    return run


def windowed(values: np.ndarray, window: int) -> np.ndarray:
    """Sums over the last days, series x day."""
    total = np.cumsum(values, axis=1)
    total[:, window:] -= total[:, :-window].copy()
    return total


def evidently(method: str | None, window: int) -> Method:
    """Evidently's drift of a column of zeros and ones: of its own choice, or by its z-test."""

    def run(given: Given, knobs: Sequence[float]) -> np.ndarray:
        n0 = given.n[:, : given.baseline_days].sum(axis=1, keepdims=True)
        k0 = given.positives[:, : given.baseline_days].sum(axis=1, keepdims=True)
        if method is None and n0.min() <= 1000:
            raise SystemExit("Evidently takes another default test up to 1,000 baseline messages")
        n, k = windowed(given.n, window), windowed(given.positives, window)
        with np.errstate(invalid="ignore", divide="ignore"):
            score = z_test(n0, k0, n, k) if method else jensen_shannon(k0 / n0, k / n)
        rng = np.random.default_rng(SEED)
        cells = np.argwhere((n > 0) & (k > 0) & (np.arange(n.shape[1]) >= given.baseline_days))
        for series, day in rng.permutation(cells)[:CHECKS].tolist():
            reference = column(n0[series, 0], k0[series, 0])
            said = reported(reference, column(n[series, day], k[series, day]), method)
            if not math.isclose(said, score[series, day], rel_tol=1e-6, abs_tol=1e-12):
                raise SystemExit(f"Evidently reports {said}, not {score[series, day]}")
        found = [score < knob if method else score >= knob for knob in knobs]
        return np.stack(found) & (n > 0)

    return run


def jensen_shannon(reference: np.ndarray, current: np.ndarray) -> np.ndarray:
    """Distance of two shares, as the tool has it of their two categories."""
    from scipy.spatial.distance import jensenshannon

    reference, current = np.broadcast_arrays(reference, current)
    return jensenshannon([1 - reference, reference], [1 - current, current], axis=0)


def z_test(n0: np.ndarray, k0: np.ndarray, n: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Two-sided p-value of a difference of proportions, pooled variance."""
    from scipy.stats import norm

    pooled = (k0 + k) / (n0 + n)
    z = (k0 / n0 - k / n) / np.sqrt(pooled * (1 - pooled) * (1 / n0 + 1 / n))
    return 2 * (1 - norm.cdf(np.abs(z)))


def column(n: int, positives: int) -> Any:
    """Judged messages as the tool reads them."""
    import pandas as pd

    return pd.DataFrame({"event": (np.arange(n) < positives).astype(int)})


def reported(reference: Any, current: Any, method: str | None) -> float:
    """What a report of the tool says."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift

    kind = DataDefinition(categorical_columns=["event"])
    sets = [Dataset.from_pandas(frame, data_definition=kind) for frame in (current, reference)]
    report = Report([ValueDrift(column="event", method=method)])
    return float(report.run(*sets).dict()["metrics"][0]["value"])


METHODS: dict[str, Method] = {
    "adwin": river(adwin, messages),
    "adwin_rates": river(adwin, days),
    "adwin_days": river(functools.partial(adwin, clock=1), standardised_days),
    "page_hinkley": river(page_hinkley, messages),
    "page_hinkley_rates": river(page_hinkley, days),
    "page_hinkley_days": river(
        functools.partial(page_hinkley, delta=PAGE_HINKLEY_DELTA), standardised_days
    ),
    "caliper_cusum": caliper("cusum"),
    "caliper_ewma": caliper("ewma"),
    "evidently_day": evidently(None, 1),
    "evidently_week": evidently(None, WEEK),
    "evidently_z_day": evidently("z", 1),
    "evidently_z_week": evidently("z", WEEK),
}


def alarms(method: str, given: Given, knobs: Iterable[float]) -> np.ndarray:
    """Whether the tool alarms, knob x series x day."""
    found = METHODS[method](given, list(knobs))
    found[:, :, : given.baseline_days] = False
    return found


def main() -> None:
    source, target, method, *knobs = sys.argv[1:]
    os.environ["DO_NOT_TRACK"] = "1"
    warnings.filterwarnings("ignore")
    with np.load(source) as file:
        baseline_days = int(file["baseline_days"])
        given = Given(file["rates"], file["n"], file["positives"], baseline_days)
    np.savez(target, alarms=alarms(method, given, map(float, knobs)))


if __name__ == "__main__":
    main()
