"""What there is to ask judges about in days to come, as far as it is known before they are run.

Here belongs: reading it from the lake, the inbox and the conversations we know; nothing is drawn,
screened or asked. Here does not belong: what asking costs (forecast).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import Engine

from alignment_monitor.contracts import CONVERSATIONS, JUDGING_SAMPLE, VERDICTS, Table
from alignment_monitor.judging import known
from alignment_monitor.judging.backends.base import judge_key
from alignment_monitor.judging.panel import open_journal
from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.judging.window import selected_units
from alignment_monitor.resources.lake import Lake
from alignment_monitor.settings import InboxSource, Settings, SimulationSource
from alignment_monitor.sources.inbox import stale_days
from alignment_monitor.sources.received import files_of

_ANSWERED = ("ok", "refused", "invalid")
"""What was answered is in the journal; all else is asked again."""

_CALL = (
    "conversation_id", "message_index", "fingerprint", "rubric_version", "question", "status",
)  # fmt: skip
_TURNS = ["conversation_id", "user_key", "turns.list.element.role"]
_Message = tuple[str, int]


class Messages(NamedTuple):
    """A number of messages: known ones, and those drawn from traffic."""

    known: float
    drawn: float


@dataclass(frozen=True)
class Day:
    """What a day holds for the judges, as far as it is known before it is run.

    Attributes:
        wanted: known messages, and those that the sampling design draws, before the budget.
        answered: by judge, those of them that it need not be asked about again.
        rate: share of the messages offered that is drawn; 1 where the sample is there already.
    """

    wanted: Messages
    answered: Mapping[str, Messages] = field(default_factory=dict)
    rate: float = 1.0

    def within(self, allowed: int) -> Messages:
        """What the budget leaves: to known messages at most half of it, the rest to traffic."""
        known = min(self.wanted.known, allowed // 2)
        return Messages(known, min(self.wanted.drawn, allowed - known))


def days_to_judge(
    settings: Settings, rubric: Rubric, store: Engine, first: date, last: date
) -> list[Day]:
    """What each day from first to last holds for the judges of the settings."""
    stale = set(stale_days(settings, first))
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return [_day(settings, rubric, store, day, stale=day in stale) for day in days]


def _day(settings: Settings, rubric: Rubric, store: Engine, day: date, *, stale: bool) -> Day:
    lake, judging = Lake(settings.lake), settings.judging
    chosen = known.of_day(
        day,
        sentinels=judging.sentinels_per_day,
        canaries=judging.canaries_per_day,
        key=settings.random_key,
    )
    given = {(one.dated(day), index) for one in chosen for index in one.labels}
    columns = ["conversation_id", "message_index", "purpose", "design_version"]
    sample = _read(lake.path(JUDGING_SAMPLE, day), columns).to_pylist()
    before = {_message(row) for row in sample if row["purpose"] == "estimate"}
    version = settings.digest("sampling", "random_key")
    changed = any(row["design_version"].partition("/")[0] != version for row in sample)
    drawn, kept, rate = float(len(before)), 1.0, 1.0
    if stale or changed or not lake.has(JUDGING_SAMPLE, day):
        offered, earlier = _offered(settings, day), _offered_before(lake, settings, day)
        drawn = float(min(settings.sampling.messages_per_day, offered))
        rate = drawn / offered if offered else 1.0
        # A lower rate draws a part of what a higher one drew: that part is answered already.
        kept = min(1.0, rate * earlier / len(before)) if before else 0.0
    if _follows(lake, day, VERDICTS, JUDGING_SAMPLE):
        answered = _answered(lake, day, rubric, settings)
    elif _follows(lake, day, JUDGING_SAMPLE, CONVERSATIONS):
        answered = _journalled(settings, rubric, store, day)
    else:
        answered = {}
    return Day(
        Messages(len(given), drawn),
        {
            name: Messages(len(given & found), kept * len(before & found))
            for name, found in answered.items()
        },
        rate,
    )


def _follows(lake: Lake, day: date, table: Table, earlier: Table) -> bool:
    """Whether a table's day was made from the other's as it is: a run may have been killed."""
    one, other = lake.path(table, day), lake.path(earlier, day)
    return one.exists() and (
        not other.exists() or other.stat().st_mtime_ns <= one.stat().st_mtime_ns
    )


def _journalled(
    settings: Settings, rubric: Rubric, store: Engine, day: date
) -> dict[str, set[_Message]]:
    """The messages of the day's sample about which the journal has each judge's answer."""
    lake = Lake(settings.lake)
    sample, conversations = (
        lake.read(contract, [day]) for contract in (JUDGING_SAMPLE, CONVERSATIONS)
    )
    units = selected_units(sample, conversations, settings.judging, day)
    found = {}
    for judge in settings.judging.judges:
        answers = open_journal(judge, rubric, settings.judging, store).known(u.key for u in units)
        found[judge.name] = {
            (unit.conversation_id, unit.message_index) for unit in units if unit.key in answers
        }
    return found


def _answered(
    lake: Lake, day: date, rubric: Rubric, settings: Settings
) -> dict[str, set[_Message]]:
    """The messages about which each judge, as it is set now, has answered the rubric of now."""
    table = _read(lake.path(VERDICTS, day), list(_CALL))
    wanted = pc.and_(
        pc.and_(
            pc.equal(table["question"], "stance"),
            pc.equal(table["rubric_version"], rubric.full_version),
        ),
        pc.is_in(table["status"], pa.array(_ANSWERED)),
    )
    rows = table.filter(wanted).to_pylist()
    judging = settings.judging
    keys = {judge.name: judge_key(judge, rubric, judging) for judge in judging.judges}
    return {
        name: {_message(row) for row in rows if row["fingerprint"].endswith(f"/{key}")}
        for name, key in keys.items()
    }


def _message(row: Mapping[str, Any]) -> _Message:
    return row["conversation_id"], row["message_index"]


def _offered(settings: Settings, day: date) -> int:
    """Messages that a day's sources offer: as many of a conversation and user as may be drawn."""
    count = 0
    for source in settings.sources:
        if isinstance(source, SimulationSource):
            number = (day - source.first_day).days
            count += source.conversations_per_day if 0 <= number < source.days else 0
    if any(isinstance(source, InboxSource) for source in settings.sources):
        # A record that was refused has no turns, and so counts nothing.
        tables = [_read(path, _TURNS) for path in files_of(settings, day)]
        count += _drawable(tables, settings)
    return count


def _offered_before(lake: Lake, settings: Settings, day: date) -> int:
    """The same of the day as it was built, of which the sample was drawn."""
    table = _read(lake.path(CONVERSATIONS, day), [*_TURNS, "source", "eligible"])
    if not table.num_rows:
        return 0
    traffic = pc.invert(pc.is_in(table["source"], pa.array(known.KNOWN)))
    return _drawable([table.filter(pc.and_(table["eligible"], traffic))], settings)


def _drawable(tables: Iterable[pa.Table], settings: Settings) -> int:
    counts = [_assistant_messages(table) for table in tables]
    if not counts:
        return 0
    # Versions of a conversation are one conversation.
    longest = pd.concat(counts).groupby(level=0).agg({"user_key": "last", "messages": "max"})
    sampling = settings.sampling
    drawn = longest["messages"].clip(upper=sampling.messages_per_conversation)
    of_users = drawn.groupby(longest["user_key"]).sum()
    return int(of_users.clip(upper=sampling.messages_per_user_per_day).sum())


def _assistant_messages(table: pa.Table) -> pd.DataFrame:
    """User and number of assistant messages by conversation."""
    turns = table["turns"].combine_chunks()
    said = pc.equal(pc.struct_field(pc.list_flatten(turns), "role"), "assistant")
    parents = pc.list_parent_indices(turns).filter(said).to_numpy(zero_copy_only=False)
    counts = np.bincount(parents, minlength=table.num_rows)
    values = {"user_key": table["user_key"].to_pandas(), "messages": counts}
    return pd.DataFrame(values).set_axis(table["conversation_id"].to_pandas(), axis="index")


def _read(path: Path, columns: list[str]) -> pa.Table:
    """Columns of a file, without what else lies in it; no rows if there is no file."""
    if not path.exists():
        return pa.table({name.split(".")[0]: pa.array([]) for name in columns})
    return pq.ParquetFile(path).read(columns=columns)
