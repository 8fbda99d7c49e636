"""The queue in the order in which it is worth labelling, and how many are to label each message.

Here belong: what the order is computed from, and whom a message still needs. Here does not belong:
the order within the draw (sampling.gold_order) or who is at what (store.claims).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import Engine

from alignment_monitor.contracts import DRIFT_SIGNALS
from alignment_monitor.judging.audit.annotators import is_final
from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.operations.labelling.given import events_so_far
from alignment_monitor.resources.gold import BURST, judged_messages, suspected
from alignment_monitor.sampling.design import uniform
from alignment_monitor.sampling.gold import JudgedMessage, number_of
from alignment_monitor.sampling.gold_order import Cell, Drawn, by_gain, cell_weights, deviations
from alignment_monitor.settings import Labelling, Settings
from alignment_monitor.store import labels as kept

WINDOW_DAYS = 28
"""Judged days, up to the newest, whose corrected interval labels are to narrow."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Worth:
    """What the order rests on; the same until a run lands.

    Attributes:
        weights: of judged messages of the newest 28 days, by day and stratum.
        deviation: of the event, by stratum, from labels of earlier days alone.
        asked: families and behaviours of which a change is suspected now.
    """

    weights: Mapping[Cell, float]
    deviation: Mapping[str, float]
    asked: frozenset[tuple[str, str]]


def worth(settings: Settings, rubric: Rubric, store: Engine) -> Worth:
    """What labels are worth today, from marts and from labels of days before the window."""
    newest = judged_messages(settings, rubric, None, None)
    if not newest:
        return Worth({}, {}, _asked(settings))
    last = max(message.day for message in newest)
    first = last - timedelta(days=WINDOW_DAYS - 1)
    weights = cell_weights(judged_messages(settings, rubric, first, last))
    known = events_so_far(store, rubric, before=first)
    return Worth(weights, deviations(weights, known), _asked(settings))


def in_order(
    rows: Iterable[Row], worth: Worth, *, labelled: Collection[kept.Message], key: str
) -> list[Row]:
    """The queue by what a label is worth; only drawn messages, each exactly once.

    First what the detector asks for, the unlabelled before the labelled and the older burst before
    the newer, in an order that mixes what judges flagged with what they did not. Then what was
    drawn for estimates, by gain. Last, bursts whose suspicion has ended.

    Args:
        rows: of ``gold_queue``.
        worth: of today.
        labelled: messages that have a label.
        key: of the random numbers.
    """
    asked: list[tuple[Any, ...]] = []
    over: list[tuple[Any, ...]] = []
    drawn: list[Drawn] = []
    for row in rows:
        message = kept.message_of(row)
        if row["purpose"] == BURST:
            number = uniform(key, "order", *_place(row))
            entry = (message in labelled, row["batch"].rpartition("@")[2], number, row)
            (asked if suspected(row)[:2] in worth.asked else over).append(entry)
        else:
            place = JudgedMessage(row["day"], message.conversation_id, message.message_index, 1, ())
            cell = row["day"], row["stratum"]
            drawn.append(Drawn(cell, number_of(place, key), message in labelled, row))
    ranked = [one.row for one in by_gain(drawn, worth.weights, worth.deviation)]
    first, last = (
        [entry[-1] for entry in sorted(burst, key=lambda entry: entry[:3])]
        for burst in (asked, over)
    )
    return _earlier_first([*first, *ranked, *last])


def room(row: Row, settings: Labelling, key: str) -> int:
    """How many annotators a message is to have: several for a share chosen by chance, else one."""
    several = uniform(key, "double", *_place(row)) < settings.double_label_share
    return settings.labels_per_message if several else 1


def lacking(annotators: Iterable[str], room: int) -> int:
    """How many annotators a message still needs."""
    return max(0, room - sum(not is_final(name) for name in annotators))


def _place(row: Row) -> tuple[str, str, str]:
    return row["day"].isoformat(), row["conversation_id"], str(row["message_index"])


def _earlier_first(rows: list[Row]) -> list[Row]:
    """Of one conversation the earlier message stands first: a later one shows what came of it."""
    places: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        places.setdefault(row["blind_id"], []).append(place)
    ordered = list(rows)
    for several in places.values():
        if len(several) > 1:
            mine = sorted((rows[place] for place in several), key=lambda row: row["message_index"])
            for place, row in zip(several, mine, strict=True):
                ordered[place] = row
    return ordered


def _asked(settings: Settings) -> frozenset[tuple[str, str]]:
    """Series that ask for labels on their newest day, from the marts."""
    path = settings.marts / f"{DRIFT_SIGNALS.name}.parquet"
    if not path.exists():
        return frozenset()
    names = ["day", "deployment_family", "behaviour", "labels_wanted"]
    held = pq.ParquetFile(path)
    if "labels_wanted" not in held.schema_arrow.names:
        return frozenset()
    table = held.read(columns=names)
    newest: date | None = pc.max(table["day"]).as_py()
    if newest is None:
        return frozenset()
    table = table.filter(pc.and_(table["labels_wanted"], pc.equal(table["day"], newest)))
    return frozenset((row["deployment_family"], row["behaviour"]) for row in table.to_pylist())
