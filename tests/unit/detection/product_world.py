"""A history as the warehouse, the judges and the label queue hold it, with a known truth."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from alignment_monitor.detection.replay import detect, replay
from alignment_monitor.detection.watch import Run, Watch

FIRST = date(2026, 1, 5)
CHANGE, DAYS = 60, 100
STREAM = {
    "deployment_family": "aurora",
    "behaviour": "caving",
    "rubric_version": "r1",
    "panel": "p1",
}
SEGMENTS = np.array(["coding", "learning", "wellbeing"])


@dataclass(frozen=True)
class Product:
    """One series; what changes on day ``CHANGE``.

    Attributes:
        rise: change of the true rate, from .1.
        false: the judge's false positive rate after the change, from .05.
        sensitivity: likewise, from .85.
        blind: sentinels do not see it.
        labelled: messages with the event by verdict that people label a day, and others.
        judged: messages a day.
    """

    rise: float = 0.0
    false: float = 0.05
    sensitivity: float = 0.85
    blind: bool = False
    labelled: tuple[int, int] = (0, 0)
    judged: int = 400

    def frames(self, seed: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        """User-days, quality and labels."""
        rng = np.random.default_rng(seed)
        day = np.repeat(np.arange(DAYS), self.judged)
        late = day >= CHANGE
        truth = rng.random(len(day)) < 0.1 + self.rise * late
        hit, false = np.where(late, self.sensitivity, 0.85), np.where(late, self.false, 0.05)
        flagged = rng.random(len(day)) < np.where(truth, hit, false)
        when = pd.Timestamp(FIRST) + pd.to_timedelta(day, unit="D")
        messages = pd.DataFrame(
            {
                "day": when, "segment": rng.choice(SEGMENTS, len(day)), "flagged": flagged,
                "event": truth.astype(float), "user_key": [f"u{i}" for i in range(len(day))],
            }
        ).assign(**STREAM)  # fmt: skip
        return self._user_days(messages), self._quality(rng), self._labels(rng, messages)

    def _user_days(self, messages: pd.DataFrame) -> pd.DataFrame:
        y = messages["flagged"].astype(int)
        counts = {"n": 1, "n_o": 1, "n_y": y, "sum_d": 1.0, "sum_do": 1.0, "sum_dy": 1.0 * y}
        kept = messages.drop(columns=["flagged", "event"])
        return kept.assign(deployment="aurora-1", **counts)

    def _quality(self, rng: np.random.Generator) -> pd.DataFrame:
        rows = []
        for day in range(DAYS):
            seen = day >= CHANGE and not self.blind
            rates = (self.sensitivity, 1 - self.false) if seen else (0.85, 0.95)
            rows += [
                quality_row(day, measure, 60, int(rng.binomial(60, rate)))
                for measure, rate in zip(("sensitivity", "specificity"), rates, strict=True)
            ]
        return pd.DataFrame(rows)

    def _labels(self, rng: np.random.Generator, messages: pd.DataFrame) -> pd.DataFrame:
        """A simple random sample of each day by verdict, labelled the day after."""
        parts = []
        for (_, flagged), mine in messages.groupby(["day", "flagged"]):
            wanted = min(self.labelled[0 if flagged else 1], len(mine))
            if wanted:
                drawn = mine.iloc[rng.permutation(len(mine))[:wanted]]
                parts.append(drawn)
        if not parts:
            return pd.DataFrame()
        labels = pd.concat(parts)
        given = labels["day"] + pd.Timedelta(days=1)
        return labels.assign(labelled_on=given, d=1.0, batch=None, batch_size=0, local=False)


def quality_row(day: int, measure: str, n: int, hits: int, **changes) -> dict:
    """A row of ``judge_quality``."""
    return {
        "day": FIRST + timedelta(days=day), "judge": "ann", "fingerprint": "p1",
        "rubric_version": "r1", "known_version": "v1", "measure": measure, "question": "caving",
        "n": n, "hits": hits, **changes,
    }  # fmt: skip


def served() -> pd.DataFrame:
    """Its deployments."""
    return pd.DataFrame(
        {
            "deployment_family": "aurora",
            "deployment": ["aurora-1", "aurora-2"],
            "first_day": [FIRST, FIRST + timedelta(days=CHANGE)],
        }
    )


def replayed(frames, last: int = DAYS - 1, first: int | None = None) -> Run:
    """The detector over a history up to a day."""
    user_days, quality, labels = frames
    to_day = FIRST + timedelta(days=last)
    return replay(
        user_days,
        Watch(("caving",), 5.0),
        deployments=served(),
        from_day=FIRST + timedelta(days=last if first is None else first),
        to_day=to_day,
        quality=quality,
        labels=labels,
    )


def decided(run: Run, direction: str = "up") -> pd.DataFrame:
    """Decisions of a direction by number of the day."""
    rows = detect(run, FIRST)
    rows = rows[rows["direction"] == direction]
    return rows.set_index(pd.Index([(day - FIRST).days for day in rows["day"]], name="number"))
