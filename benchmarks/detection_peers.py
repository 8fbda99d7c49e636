"""What other drift detectors make of the same daily rates as ours.

    python -m benchmarks.detection_peers                  # the table, with 100 series
    python -m benchmarks.detection_peers --rate 0.05      # also at equal false alarms, for longer

Here belong: who takes part, with its one knob; the simulated worlds, some without a change; false
alarms, delays, and the knob at which a peer's false alarms equal a given number. Here does not
belong: how a tool is called (``peers/alarm_peers``), nor our own detector.

An alarm on a day that follows a day with an alarm is the same false page. A threshold watches rises
alone, all other peers both directions; any alarm after the change counts as having found it, which
flatters a peer with many false ones.
"""

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import PEERS_DETECTION, environment, pinned, run_peer, table

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

DAYS_PER_YEAR = 365.25
ENVIRONMENT = "detection"
TIMEOUT = 3600
CALIBRATION_SEED, REPORTING_SEED = 301, 302
MISSED_AFTER = 90
CHANGES = (0.024, 0.04, 0.08)
STEPS = 5


@dataclass(frozen=True)
class Peer:
    """A method with one knob.

    Attributes:
        name: as a reader would call it.
        method: of ``peers/alarm_peers``; empty for the threshold, which needs no tool.
        default: the knob as the tool's documentation has it, or as stated in ``PEERS``.
        grid: knobs from the quietest to the one with most alarms.
        standing: whether the peer stands for its kind; others are told beside it.
    """

    name: str
    method: str
    default: float
    grid: tuple[float, ...]
    standing: bool = True


@dataclass(frozen=True)
class World:
    """Judged messages of many series, series x day; ``change_day`` is beyond all days if none."""

    rates: Floats
    n: Integers
    positives: Integers
    baseline_days: int
    change_day: Integers

    @property
    def watched_years(self) -> float:
        """Years after the baselines, all series together."""
        series, days = self.n.shape
        return series * (days - self.baseline_days) / DAYS_PER_YEAR


@dataclass(frozen=True)
class Match:
    """A knob and the false alarms a year that it makes on the calibration set."""

    knob: float
    false_alarms: float


@dataclass(frozen=True)
class Figures:
    """Delay in days, 1 on the day of the change itself, and the share not found in 90 days."""

    median: float
    late: float
    missed: float


def spaced(first: float, last: float, count: int = 9) -> tuple[float, ...]:
    """Knobs at equal ratios."""
    return tuple(float(knob) for knob in np.geomspace(first, last, count))


# river's defaults are its own. drift-caliper has none: ten years. Evidently: 0.1 for a distance and
# 0.05 for a p-value. A threshold has none either: five points above the baseline's mean.
# The longest run length is what drift-caliper accepts with four batches a day.
_RUN_LENGTHS = spaced(250_000, 60)
PEERS = (
    Peer("river ADWIN, each message", "adwin", 0.002, spaced(1e-6, 0.3)),
    Peer("river ADWIN, standardised days", "adwin_days", 0.002, spaced(0.002, 0.99)),
    Peer("river ADWIN, raw days", "adwin_rates", 0.002, spaced(0.002, 0.99), standing=False),
    Peer("river Page-Hinkley, each message", "page_hinkley", 50, spaced(220, 40)),
    Peer("river Page-Hinkley, standardised days", "page_hinkley_days", 50, spaced(50, 3)),
    Peer("river Page-Hinkley, raw days", "page_hinkley_rates", 50, spaced(50, 0.05), False),
    Peer("drift-caliper CUSUM", "caliper_cusum", 3650, _RUN_LENGTHS),
    Peer("drift-caliper EWMA", "caliper_ewma", 3650, _RUN_LENGTHS),
    Peer("Evidently, its default, last day", "evidently_day", 0.1, spaced(0.13, 0.02)),
    Peer("Evidently, its default, last 7 days", "evidently_week", 0.1, spaced(0.1, 0.008)),
    Peer("Evidently, z-test, last day", "evidently_z_day", 0.05, spaced(1e-8, 0.05)),
    Peer("Evidently, z-test, last 7 days", "evidently_z_week", 0.05, spaced(1e-8, 0.05)),
    Peer("threshold above the baseline", "", 0.05, spaced(0.12, 0.02)),
)


def simulate(
    series: int,
    *,
    seed: int,
    change: float = 0.0,
    n: float = 500,
    rate: float = 0.13,
    baseline_days: int = 56,
    days: int = 365,
    day_effect: float = 0.0,
) -> World:
    """Series whose judged rate changes on a random day, 90 days or more before the end.

    Args:
        series: number of series.
        seed: of all that is random.
        change: of the judged rate; none if zero.
        n: mean number of judged messages a day.
        rate: judged rate before the change.
        baseline_days: days before those that are watched.
        days: days that are watched.
        day_effect: standard deviation of a day's rate beyond sampling.
    """
    rng = np.random.default_rng(seed)
    total = baseline_days + days
    size = rng.poisson(n, (series, total))
    change_day = np.full(series, total)
    if change:
        change_day = rng.integers(baseline_days, total - MISSED_AFTER, series, endpoint=True)
    truth = rate + change * (np.arange(total) >= change_day[:, None])
    truth = np.clip(truth + rng.normal(0, day_effect, truth.shape), 0, 1)
    positives = rng.binomial(size, truth)
    with np.errstate(invalid="ignore"):
        rates = positives / size
    return World(rates, size, positives, baseline_days, change_day)


def threshold_alarms(rates: Floats, baseline_days: int, knobs: Sequence[float]) -> Bools:
    """Days whose rate exceeds the mean of the baseline's by the knob, knob x series x day."""
    mean = np.nanmean(rates[:, :baseline_days], axis=1, keepdims=True)
    found = np.stack([rates > mean + knob for knob in knobs])
    found[:, :, :baseline_days] = False
    return found


def alarms_by_knob(peer: Peer, world: World, knobs: Sequence[float]) -> Bools:
    """Days on which a peer alarms, knob x series x day.

    Raises:
        UnavailableError: the peers cannot be installed here.
        RuntimeError: the tool failed; the message says how.
    """
    if not peer.method:
        return threshold_alarms(world.rates, world.baseline_days, knobs)
    python = environment(ENVIRONMENT, pinned(page=PEERS_DETECTION))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.savez(
            folder / "given.npz",
            rates=world.rates,
            n=world.n,
            positives=world.positives,
            baseline_days=np.array(world.baseline_days),
        )
        options = ["given.npz", "found.npz", peer.method, *(repr(float(knob)) for knob in knobs)]
        run_peer(python, "alarm_peers.py", *options, folder=folder, timeout=TIMEOUT)
        with np.load(folder / "found.npz") as found:
            return np.asarray(found["alarms"], dtype=bool)


def alarms(
    peer: Peer, rates: Floats, n: Integers, positives: Integers, baseline_days: int, knob: float
) -> Bools:
    """Days on which a peer alarms, series x day, none of them in the baseline.

    Args:
        peer: the method.
        rates: judged rate, series x day; not a number where nothing was judged.
        n: judged messages, series x day.
        positives: those of them with the event.
        baseline_days: number of first days that are not watched.
        knob: sensitivity, in the peer's own terms.
    """
    none = np.full(len(n), n.shape[1])
    return alarms_by_knob(peer, World(rates, n, positives, baseline_days, none), [knob])[0]


def false_alarms(found: Bools, world: World) -> float:
    """Alarms a year of one series in a world without a change, days in a row as one."""
    before = np.pad(found, ((0, 0), (1, 0)))[:, :-1]
    return float((found & ~before).sum() / world.watched_years)


def figures(found: Bools, world: World) -> Figures:
    """How late the first alarm on or after the day of the change is."""
    day = np.arange(found.shape[1]) - world.change_day[:, None]
    hit = found & (day >= 0) & (day < MISSED_AFTER)
    delay = np.where(hit.any(axis=1), hit.argmax(axis=1) - world.change_day + 1.0, np.inf)
    median, late = np.quantile(delay, [0.5, 0.9], method="inverted_cdf")
    return Figures(float(median), float(late), float(np.isinf(delay).mean()))


def matched_knob(peer: Peer, calibration: World, rate_per_year: float, steps: int = STEPS) -> Match:
    """The knob at which a peer's false alarms equal a given number, by section of its logarithm.

    Of the last two knobs the one whose number is nearer. Where even the loudest knob of the grid
    makes fewer, or the quietest more, it is that one: ``Match`` tells its number.

    Args:
        peer: the method.
        calibration: a world without a change, other than the one that is reported on.
        rate_per_year: false alarms of a series in a year.
        steps: how often the interval is cut to a quarter.
    """

    def tried(*knobs: float) -> list[Match]:
        found = alarms_by_knob(peer, calibration, knobs)
        return [
            Match(knob, false_alarms(each, calibration))
            for knob, each in zip(knobs, found, strict=True)
        ]

    quiet, loud = tried(peer.grid[0], peer.grid[-1])
    if quiet.false_alarms > rate_per_year:
        return quiet
    if loud.false_alarms <= rate_per_year:
        return loud
    for _ in range(steps):
        # Three at once: a tool's own start takes longer than some of the runs.
        for match in tried(*spaced(quiet.knob, loud.knob, 5)[1:-1]):
            if match.false_alarms > rate_per_year:
                loud = match
                break
            quiet = match
    return min(quiet, loud, key=lambda match: abs(match.false_alarms - rate_per_year))


def curve(peer: Peer, null: World, changed: World) -> list[tuple[float, float]]:
    """False alarms a year and median delay at each knob of the grid."""
    both = (alarms_by_knob(peer, world, peer.grid) for world in (null, changed))
    pairs = zip(*both, strict=True)
    return [(false_alarms(quiet, null), figures(found, changed).median) for quiet, found in pairs]


def row(peer: Peer, knob: float, null: World, changed: Sequence[World]) -> tuple[str, ...]:
    """What a peer does at a knob, as a row of the table."""
    cells = [peer.name, f"{knob:.3g}"]
    cells.append(f"{false_alarms(alarms_by_knob(peer, null, [knob])[0], null):.3f}")
    for world in changed:
        said = figures(alarms_by_knob(peer, world, [knob])[0], world)
        cells.append(f"{said.median:.0f} ({said.late:.0f}), {said.missed:.1%}")
    return tuple(cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=100)
    parser.add_argument(
        "--rate", type=float, help="also at the knob with these false alarms a year"
    )
    parser.add_argument("--only", nargs="*", help="these methods; threshold for the one without")
    options = parser.parse_args()
    null = simulate(options.series, seed=REPORTING_SEED)
    calibration = simulate(options.series, seed=CALIBRATION_SEED)
    changed = [simulate(options.series, seed=REPORTING_SEED, change=change) for change in CHANGES]
    rows: list[tuple[object, ...]] = []
    for peer in PEERS:
        if options.only and (peer.method or "threshold") not in options.only:
            continue
        rows.append(row(peer, peer.default, null, changed))
        print(*rows[-1], sep=" | ", flush=True)
        if options.rate is not None and peer.standing:
            match = matched_knob(peer, calibration, options.rate)
            name, *rest = row(peer, match.knob, null, changed)
            rows.append((f"{name}, matched ({match.false_alarms:.3f})", *rest))
            print(*rows[-1], sep=" | ", flush=True)
    told = " | ".join(f"{change:+.1%}: median (90 %) days, missed" for change in CHANGES)
    print(table(f"peer | knob | false alarms a year | {told}", rows))


if __name__ == "__main__":
    main()
