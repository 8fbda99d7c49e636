"""What bets on labels gain by knowing the strata that labels were drawn by.

    python -m benchmarks.label_strata [--write]

Three judges of two behaviours. The baseline learns from 28 days of labels drawn by the queue's
strata; an episode's eight bursts are drawn by verdict. Labels are weighted by verdict alone, or by
verdict and stratum. Here does not belong: any weighting or bet of its own (detection).
"""

import argparse
from dataclasses import dataclass

import numpy as np
import pandas as pd

from alignment_monitor.detection.baseline import Mask
from alignment_monitor.detection.gold import LEAN_BETS, Bets
from alignment_monitor.detection.gold_baseline import Expected, GoldBaseline
from alignment_monitor.detection.label_days import labels_of_day
from alignment_monitor.detection.labels import Labels
from alignment_monitor.detection.tiers import BURST, BURSTS, LAST_LEAN, LEAN
from alignment_monitor.sampling.allocation import share_out
from alignment_monitor.sampling.gold import deviation_of
from alignment_monitor.statistics.cells import Floats
from benchmarks.common import machine, table, write_section
from benchmarks.detection_figures import Share

SEED = 20270
JUDGED, DAYS = 1000, 28
"""Messages a day, and days of the baseline."""
RATE, RISE = 0.10, 0.03
RARE, DOUBLE = 0.01, 0.01
"""Rate of the behaviour, and what a change adds to it; the same of a rare one."""
OTHER = (0.27, 0.37)
"""Rate of the other behaviour where this one is not, and where it is."""
JUDGE = (0.05, 0.85)
"""Chance of each judge to flag a message without the event, and with it."""
STRATA = ("negative|agreed", "positive|agreed", "positive|split")
"""All judges see the opportunity, so that they differ only in what they flag."""
LEARNED = 1000
"""Labels of each stratum that a learned allocation knows of."""


@dataclass(frozen=True)
class Days:
    """One day of each replicate: events, verdicts and strata, replicate x message."""

    event: np.ndarray
    flagged: np.ndarray
    stratum: np.ndarray

    def among(self) -> Floats:
        """Share of each message's stratum among messages with its verdict."""
        code = self.flagged * len(STRATA) + self.stratum
        alike = (code[:, :, None] == np.arange(2 * len(STRATA))).sum(axis=1)
        verdict = alike.reshape(len(alike), 2, -1).sum(axis=2)
        of_own = np.take_along_axis(alike, code, axis=1)
        return of_own / np.take_along_axis(verdict, self.flagged.astype(np.int64), axis=1)

    def labels(self, chosen: np.ndarray, *, by_stratum: bool) -> Labels:
        """The chosen messages as the detector takes them."""
        replicate, message = np.nonzero(chosen)
        at = replicate, message
        rows = pd.DataFrame(
            {
                "stream": replicate, "message_day": 0, "place": 0, "worth": 1.0, "local": False,
                "flagged": self.flagged[at], "event": self.event[at].astype(float),
                "queue_stratum": np.array(STRATA)[self.stratum[at]] if by_stratum else "",
                "among": self.among()[at] if by_stratum else 1.0, "among_in_segment": 1.0,
            }
        )  # fmt: skip
        rate = np.repeat(self.flagged.mean(axis=1)[None, :, None], 2, axis=2)
        return labels_of_day(rows, rate, len(self.event))


def traffic(rng: np.random.Generator, replicates: int, rate: float) -> Days:
    """Judged messages of a day; the verdict is what most judges say."""
    shape = (replicates, JUDGED)
    event = rng.random(shape) < rate
    other = rng.random(shape) < np.where(event, OTHER[1], OTHER[0])
    said, of_other = (
        rng.random((*shape, 3)) < np.where(there, JUDGE[1], JUDGE[0])[..., None]
        for there in (event, other)
    )
    votes = said.sum(axis=2), of_other.sum(axis=2)
    seen = (votes[0] > 0) | (votes[1] > 0)
    split = (votes[0] % 3 > 0) | (votes[1] % 3 > 0)
    return Days(event, votes[0] >= 2, seen.astype(np.int64) + split)


def routine(
    rng: np.random.Generator, days: Days, labels: int, known: dict[str, tuple[float, int]]
) -> Mask:
    """Messages drawn for estimates, each by its stratum's chance."""
    chances = np.zeros((len(days.event), len(STRATA)))
    deviations = [deviation_of(name, known) for name in STRATA]
    for replicate, codes in enumerate(days.stratum):
        sizes = np.bincount(codes, minlength=len(STRATA)).astype(float)
        floors = [min(3.0, size) for size in sizes]
        shared = share_out(labels, floors, list(sizes), list(deviations * sizes))
        chances[replicate] = shared / sizes
    return rng.random(days.event.shape) < np.take_along_axis(chances, days.stratum, axis=1)


def burst(rng: np.random.Generator, days: Days) -> Mask:
    """Messages of a burst: so many flagged, and so many others."""
    number = rng.random(days.event.shape)
    chosen = np.zeros(days.event.shape, dtype=bool)
    for verdict, size in zip((True, False), BURST, strict=True):
        mine = np.where(days.flagged == verdict, number, 2.0)
        last = np.sort(mine, axis=1)[:, size - 1 : size]
        chosen |= (mine <= last) & (mine < 1)
    return chosen


def known_of(rng: np.random.Generator, rate: float) -> dict[str, tuple[float, int]]:
    """What an allocation knows that has learned of every stratum."""
    sample = traffic(rng, 200, rate)
    events = [float(sample.event[sample.stratum == code].mean()) for code in range(len(STRATA))]
    return {name: (LEARNED * share, LEARNED) for name, share in zip(STRATA, events, strict=True)}


def expected_by(
    rng: np.random.Generator,
    replicates: int,
    rate: float,
    labels: int,
    known: dict[str, tuple[float, int]],
) -> list[Expected]:
    """What the baseline leads to expect: by verdict alone, and by verdict and stratum."""
    learned = GoldBaseline(replicates), GoldBaseline(replicates)
    flagged = []
    for _ in range(DAYS):
        days = traffic(rng, replicates, rate)
        chosen = routine(rng, days, labels, known)
        flagged.append(days.flagged.mean(axis=1))
        for baseline, by_stratum in zip(learned, (False, True), strict=True):
            mine = days.labels(chosen, by_stratum=by_stratum)
            baseline.learn(mine, np.ones(replicates, dtype=bool))
    judged = np.mean(flagged, axis=0)
    variance = judged * (1 - judged) / JUDGED
    return [baseline.expected(judged, variance) for baseline in learned]


def leans(
    rng: np.random.Generator, expected: list[Expected], rate: float, sign: float
) -> list[Share]:
    """Replicates in which an episode's labels lean as far as a page asks for, by weighting."""
    replicates = len(expected[0].rate)
    total = np.zeros((2, replicates, len(LEAN_BETS)))
    far = np.zeros((2, replicates), dtype=bool)
    for number in range(BURSTS):
        days = traffic(rng, replicates, rate)
        chosen = burst(rng, days)
        enough = LAST_LEAN if number == BURSTS - 1 else LEAN
        for way, here in enumerate(expected):
            bets = Bets(days.labels(chosen, by_stratum=way == 1), here)
            unit = np.sqrt(here.rate * (1 - here.rate)) / bets.variance
            target = here.rate + sign * here.error
            total[way] += np.stack(
                [bets.log_value(size * unit, target, sign) for size in LEAN_BETS], axis=1
            )
            leaning = np.logaddexp.reduce(total[way], axis=1) - np.log(len(LEAN_BETS))
            far[way] |= leaning >= enough
    return [Share(int(one.sum()), replicates) for one in far]


def lines(rng: np.random.Generator, replicates: int) -> list[tuple[object, ...]]:
    """Rows of the table: allocation and weighting, with what the baseline expects and bets find."""
    rows: list[tuple[object, ...]] = []
    for rate, rise, labels, learned in (
        (RATE, RISE, 20, False),
        (RATE, RISE, 20, True),
        (RATE, RISE, 60, True),
        (RARE, DOUBLE, 20, False),
        (RARE, DOUBLE, 20, True),
    ):
        known = known_of(rng, rate) if learned else {}
        drawn = "by what labels said" if learned else "as before any label"
        of = f"{rate:.0%}, then {rate + rise:.0%}; {labels} a day, {drawn}"
        expected = expected_by(rng, replicates, rate, labels, known)
        found = [leans(rng, expected, rate, sign) for sign in (1.0, -1.0)]
        found.append(leans(rng, expected, rate + rise, 1.0))
        for way, weighting in enumerate(("verdict", "verdict and stratum")):
            error = expected[way].rate - rate
            told = f"{100 * error.mean():+.2f} ± {100 * error.std() / np.sqrt(replicates):.2f}"
            rows.append((f"{of}: weighted by {weighting}", told, *(one[way] for one in found)))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=400)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    header = (
        "rate; labels of the baseline | baseline's bias, points ± SE "
        "| no change: leans to a rise | to a fall | a rise: leans to it"
    )
    rows = lines(np.random.default_rng(SEED), options.replicates)
    text = (
        f"Seed {SEED}; {options.replicates} replicates, {JUDGED:,} judged messages a day.\n\n"
        f"{table(header, rows)}\n\n{machine('numpy')}"
    )
    print(text)
    if options.write:
        write_section("label_strata", text)


if __name__ == "__main__":
    main()
