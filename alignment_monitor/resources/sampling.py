"""The stored sampling designs: which of them a day is drawn by, and writing the next one.

Here belongs: reading and writing them in the lake, by the rules of ``sampling.boosts``. Here does
not belong: what a design is made of (sampling.boosts), or when one is made (assets).
"""

from datetime import date

import pandas as pd
import pyarrow as pa

from alignment_monitor.contracts import JUDGING_SAMPLE, SAMPLING_DESIGN
from alignment_monitor.resources.lake import Lake
from alignment_monitor.sampling.boosts import (
    NOTHING_LEARNED,
    SamplingDesign,
    day_in_force,
    may_be_written,
    version_of,
)
from alignment_monitor.settings import Sampling


def design_of_day(lake: Lake, settings: Sampling, day: date) -> SamplingDesign:
    """What a day is drawn by: the last design before it; where there is none, the settings alone.

    Args:
        lake: the row tables.
        settings: whether past verdicts count at all.
        day: the day to be drawn.
    """
    found = day_in_force(lake.days(SAMPLING_DESIGN), day) if settings.learn_boosts else None
    if found is None:
        return NOTHING_LEARNED
    rows = lake.read(SAMPLING_DESIGN, [found]).to_pylist()
    boosts = {(r["deployment_family"], r["segment"], r["bucket"]): r["boost"] for r in rows}
    return SamplingDesign(rows[0]["design_version"], boosts)


def is_open(lake: Lake, day: date) -> bool:
    """Whether the design after a day may be written: no later day was drawn."""
    return may_be_written(lake.days(JUDGING_SAMPLE), day)


def write_design(lake: Lake, day: date, learned: pd.DataFrame) -> pa.Table:
    """Store what was learned up to a day, in force from the next one on.

    Args:
        lake: the row tables.
        day: last day of the verdicts.
        learned: as ``sampling.boosts.learned`` gives it, with at least one row.
    """
    places = zip(learned["deployment_family"], learned["segment"], learned["bucket"], strict=True)
    version = version_of(day, dict(zip(places, learned["boost"], strict=True)))
    table = SAMPLING_DESIGN.from_frame(learned.assign(day=day, design_version=version))
    return lake.write(SAMPLING_DESIGN, day, table)
