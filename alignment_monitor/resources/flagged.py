"""Flagged messages with what was said before them, and rates by opportunity, of a home.

Here belongs: what these two small marts are read from. Here does not belong: topics or rates
(statistics). Work is bound: four weeks and the four before, and so many messages of each.
"""

from collections.abc import Iterator
from datetime import date, timedelta

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from alignment_monitor.contracts import OPPORTUNITY_RATES, TOPICS, TRANSCRIPTS
from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.privacy.redaction import redact
from alignment_monitor.resources import warehouse
from alignment_monitor.resources.judged import flagged_messages
from alignment_monitor.settings import Settings
from alignment_monitor.statistics.estimation import window_estimates
from alignment_monitor.statistics.topics import Flagged, topic_rows

WINDOW_DAYS = 28
MOST_MESSAGES = 2000
"""Of a family in a window; of more, as many are drawn by a hash of their names."""
TURNS = 3
"""The user's turns before a message that say what it is about: the last may only object."""
LONGEST = 4000
"""Characters of a text that are read."""


def topics_of(settings: Settings, rubric: Rubric) -> pa.Table:
    """Topics of each family's flagged messages over the newest four weeks, as ``TOPICS``."""
    last = warehouse.newest_day(settings.warehouse)
    if last is None:
        return TOPICS.empty()
    harmful = tuple(name for name in rubric.headline if not rubric.is_good(name))
    first = last - timedelta(days=WINDOW_DAYS - 1)
    found = flagged_messages(
        settings.warehouse, first, last, rubric.full_version, harmful, MOST_MESSAGES
    )
    rows = []
    for family, mine in found.groupby("deployment_family", sort=True):
        messages = list(_read(settings, mine, first))
        counted = mine.drop_duplicates("is_recent").set_index("is_recent")["flagged"]
        for number, topic in enumerate(topic_rows(messages), 1):
            rows.append(
                {
                    "deployment_family": family,
                    "topic": number,
                    "from_day": first,
                    "to_day": last,
                    "flagged": int(counted.get(True, 0)),
                    "read": sum(message.is_recent for message in messages),
                    **topic,
                }
            )
    return TOPICS.table(rows)


def opportunity_rates(settings: Settings, rubric: Rubric) -> pa.Table:
    """Rates among messages with each opportunity over the newest four weeks."""
    last = warehouse.newest_day(settings.warehouse)
    if last is None:
        return OPPORTUNITY_RATES.empty()
    first = last - timedelta(days=WINDOW_DAYS - 1)
    sums = warehouse.opportunity_user_days(
        settings.warehouse, first, last, rubric.full_version, rubric.monitored
    )
    if sums.empty:
        return OPPORTUNITY_RATES.empty()
    # An opportunity takes the place of the segment; 'all' of them would count a message twice.
    rows = window_estimates(sums, day=last, window_days=WINDOW_DAYS)
    rows = rows[(rows["segment"] != "all") & (rows["deployment"] != "all")]
    return OPPORTUNITY_RATES.from_frame(rows.rename(columns={"segment": "opportunity"}))


def _read(settings: Settings, rows: pd.DataFrame, first: date) -> Iterator[Flagged]:
    """The messages with the user's turns before each, as far as their transcripts are kept."""
    for stamp, of_day in rows.groupby("day", sort=True):
        day = pd.Timestamp(str(stamp)).date()
        path = settings.marts / TRANSCRIPTS.name / f"day={day}.parquet"
        if not path.exists():
            continue
        wanted = [("conversation_id", "in", of_day["conversation_id"].unique().tolist())]
        columns = ["conversation_id", "turns"]
        kept = pq.read_table(path, columns=columns, filters=wanted, partitioning=None)
        turns = dict(zip(*(kept[name].to_pylist() for name in columns), strict=True))
        for row in of_day.to_dict("records"):
            name, index = row["conversation_id"], int(row["message_index"])
            asked = [
                turn["content"]
                for turn in turns.get(name, ())
                if turn["role"] == "user" and turn["index"] < index
            ]
            if asked:
                # Redacted before it is cut: half an address is no address to a pattern.
                said = redact("\n".join(asked[-TURNS:]))[0][:LONGEST]
                yield Flagged(
                    day, name, index, row["user_key"], float(row["d"]), said, day >= first
                )
