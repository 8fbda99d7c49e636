"""Mean time to a false alarm with known parameters, against the run length asked for.

    python -m benchmarks.run_lengths             # prints the table, about five minutes
    python -m benchmarks.run_lengths --write     # and puts it into docs/benchmarks.md

Chains of the e-detector run side by side on days without a change and start anew after each alarm;
the rate is alarms per day watched, so that the end of the simulation censors nothing. At A = run
length it is a guarantee; at a threshold that was found by simulation, with a seed of its own, the
run length should be met. What an estimated baseline costs is not measured here.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from alignment_monitor.detection.calibration import Draw, calibrated_threshold, null_paths
from alignment_monitor.detection.edetector import (
    SHIFTS,
    log_statistic,
    null_log_mgf,
    ordinal_log_mgf,
    step,
)
from alignment_monitor.statistics.cells import Floats
from benchmarks.common import machine, table, write_section

CHAINS = 2000
HORIZON = 2
"""Days simulated, in run lengths."""

RUN_LENGTHS = (370, 3650)
SIZES = (20, 100, 500)
SEEDS = {"guarantee": 20261, "calibrate": 20262, "check": 20263}
RATE = 0.08
LEVELS = np.arange(1.0, 6.0)
SKEWED = np.array([0.62, 0.2, 0.1, 0.05, 0.03])
"""Of levels 1 to 5, most of them low."""


@dataclass(frozen=True)
class Alarms:
    """False alarms of chains that start anew after each.

    Attributes:
        count: alarms.
        days: watched, over all chains.
    """

    count: int
    days: int

    def relative(self, run_length: float) -> tuple[float, float, float]:
        """Alarms over those that the run length allows, and exact 95 % Poisson limits."""
        allowed = self.days / run_length
        low = chi2.ppf(0.025, 2 * self.count) / 2 if self.count else 0.0
        high = chi2.ppf(0.975, 2 * self.count + 2) / 2
        return self.count / allowed, low / allowed, high / allowed


def alarms(draw: Draw, log_threshold: float, *, chains: int, days: int, seed: int) -> Alarms:
    """False alarms at a threshold."""
    rng = np.random.default_rng(seed)
    components = np.full((chains, len(SHIFTS)), -np.inf)
    count = 0
    for _ in range(days):
        components = step(components, *draw(rng, chains), log_threshold)
        alarmed = log_statistic(components) >= log_threshold
        components[alarmed] = -np.inf
        count += int(alarmed.sum())
    return Alarms(count, chains * days)


def normal(rng: np.random.Generator, chains: int) -> tuple[Floats, Floats]:
    """A daily mean of Normal figures; its size makes no difference."""
    return rng.standard_normal(chains), SHIFTS**2 / 2


def binary(n: int, rate: float = RATE) -> Draw:
    """A daily share of n."""
    deviation = np.sqrt(rate * (1 - rate) / n)
    log_mgf = null_log_mgf(rate, n, 0.0, deviation, 1)
    return lambda rng, chains: ((rng.binomial(n, rate, chains) / n - rate) / deviation, log_mgf)


def ordinal(n: int, probabilities: Floats = SKEWED, values: Floats = LEVELS) -> Draw:
    """A daily mean of n levels, drawn from the exact distribution of their sum."""
    mean = probabilities @ values
    deviation = np.sqrt(probabilities @ (values - mean) ** 2 / n)
    log_mgf = ordinal_log_mgf(probabilities, values - mean, n, SHIFTS / deviation)
    of_sum = np.ones(1)
    for _ in range(n):
        of_sum = np.convolve(of_sum, probabilities)
    below = of_sum.cumsum() / of_sum.sum()
    z = (values[0] + np.arange(len(of_sum)) / n - mean) / deviation
    return lambda rng, chains: (z[below.searchsorted(rng.random(chains), side="right")], log_mgf)


def gaussian_form(draw: Draw) -> Draw:
    """The same data taken as Normal: what the exact generating functions are for."""
    return lambda rng, chains: (draw(rng, chains)[0], SHIFTS**2 / 2)


def kinds() -> dict[str, Draw]:
    """What is simulated."""
    made: dict[str, Draw] = {"Normal, any n": normal}
    names: list[tuple[str, Callable[[int], Draw]]] = [
        ("levels 1 to 5, skewed", ordinal),
        (f"binary, {RATE:.0%}", binary),
    ]
    for name, make in names:
        made |= {f"{name}, n = {n}": make(n) for n in SIZES}
    return made


def told(found: Alarms, run_length: float) -> str:
    """Rate times run length, with its limits."""
    return "{:.2f} [{:.2f}, {:.2f}]".format(*found.relative(run_length))


def measured(name: str, draw: Draw, run_length: int) -> tuple[object, ...]:
    """A line of the table."""
    size = {"chains": CHAINS, "days": HORIZON * run_length}
    held = alarms(draw, np.log(run_length), seed=SEEDS["guarantee"], **size)
    paths = null_paths(draw, seed=SEEDS["calibrate"], **size)
    threshold = calibrated_threshold(paths, run_length)
    met = alarms(draw, threshold, seed=SEEDS["check"], **size)
    naive = alarms(gaussian_form(draw), np.log(run_length), seed=SEEDS["guarantee"], **size)
    return (
        name,
        f"{run_length:,}",
        told(held, run_length),
        f"{held.days / max(held.count, 1):,.0f}",
        f"{np.exp(threshold) / run_length:.2f}",
        told(met, run_length),
        "–" if draw is normal else f"{naive.relative(run_length)[0]:.2f}",
    )


HEADER = (
    "data | run length asked for, days | false alarms over those allowed, A = run length | "
    "mean days to one | calibrated A over run length | false alarms over those allowed, "
    "calibrated A | A = run length, d²/2 for all data"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    rows = []
    for run_length in RUN_LENGTHS:
        for name, draw in kinds().items():
            rows.append(measured(name, draw, run_length))
            print(*rows[-1], sep=" | ", flush=True)
    seeds = ", ".join(f"{seed} to {name}" for name, seed in SEEDS.items())
    text = (
        f"{CHAINS:,} chains of {HORIZON} run lengths a figure; known parameters, watched upwards; "
        f"exact 95 % Poisson limits. Seeds: {seeds}.\n\n{table(HEADER, rows)}"
    )
    print(f"{text}\n{machine('numpy')}")
    if options.write:
        write_section("run_lengths", text)


if __name__ == "__main__":
    main()
