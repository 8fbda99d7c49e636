"""Opportunities of simulated families as the warehouse has them, with a known cause of a change."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from alignment_monitor.detection.traffic import FIRST, LATER, replay_traffic, traffic_signals
from alignment_monitor.detection.watch import Watch

START = date(2026, 1, 5)
CHANGE, DAYS = 50, 80
USERS, EACH = 10, 5
"""Users a day of each segment, and messages of each."""


@dataclass(frozen=True)
class Traffic:
    """Families with one flag each; what changes on day ``CHANGE``.

    Attributes:
        families: how many, independent of each other.
        first: rate among first turns after the change, from .3.
        later: the same among later turns.
        false: share of negative sentinels flagged after the change, from .05.
        sentinels: positive ones judged a day, and as many negative ones; 0: none.
    """

    families: int = 1
    first: float = 0.3
    later: float = 0.3
    false: float = 0.05
    sentinels: int = 60

    def opportunities(self, rng: np.random.Generator) -> pd.DataFrame:
        """Sufficient statistics by day, family, segment and user."""
        index = np.indices((self.families, DAYS, 2, USERS)).reshape(4, -1)
        family, day, segment, user = index
        after = np.array([self.first, self.later])[segment]
        y = rng.binomial(EACH, np.where(day >= CHANGE, after, 0.3))
        return pd.DataFrame(
            {
                "day": pd.Timestamp(START) + pd.to_timedelta(day, unit="D"),
                "deployment_family": [f"family-{one}" for one in family],
                "deployment": "", "behaviour": "claim", "rubric_version": "r1", "panel": "p1",
                "segment": np.array([FIRST, LATER])[segment],
                "user_key": [f"u{one}" for one in user + USERS * day],
                "n": EACH, "n_o": EACH, "n_y": y,
                "sum_d": float(EACH), "sum_do": float(EACH), "sum_dy": y.astype(float),
            }
        )  # fmt: skip

    def quality(self, rng: np.random.Generator) -> pd.DataFrame | None:
        """Counts of sentinels by day."""
        if not self.sentinels:
            return None
        days, n = np.arange(DAYS), self.sentinels
        false = np.where(days >= CHANGE, self.false, 0.05)
        hits = {
            "sensitivity": rng.binomial(n, 0.9, DAYS),
            "specificity": rng.binomial(n, 1 - false),
        }
        common = {
            "day": [START + timedelta(days=int(day)) for day in days], "fingerprint": "p1",
            "rubric_version": "r1", "known_version": "k1", "question": "claim", "n": n,
        }  # fmt: skip
        parts = [
            pd.DataFrame({**common, "measure": name, "hits": hit}) for name, hit in hits.items()
        ]
        return pd.concat(parts, ignore_index=True)

    def run(self, seed: int, *, years: float = 5.0, last: int = DAYS - 1):
        """The detector over all days up to one."""
        rng = np.random.default_rng(seed)
        rows, quality = self.opportunities(rng), self.quality(rng)
        served = pd.DataFrame(
            {
                "deployment_family": sorted(set(rows["deployment_family"])),
                "deployment": "m1",
                "first_day": START,
            }
        )
        to_day = START + timedelta(days=last)
        return replay_traffic(
            rows[rows["day"] <= pd.Timestamp(to_day)],
            Watch(("claim",), years),
            deployments=served,
            from_day=START,
            to_day=to_day,
            quality=quality,
        )

    def signals(self, seed: int, **options) -> pd.DataFrame:
        """Rows of all days."""
        return traffic_signals(self.run(seed, **options), START)
