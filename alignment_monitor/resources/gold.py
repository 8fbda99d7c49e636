"""Judged messages and what people say of them, brought together from marts, warehouse and store.

Here belongs: which messages were judged, in which stratum of the label queue, and the labels that
stand, as figures. Here does not belong: the draw (sampling.gold), keeping labels (store.labels) or
the estimate from them (statistics.labelled).
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import Engine

from alignment_monitor.contracts import JUDGED_MESSAGES
from alignment_monitor.judging.audit.reference import Reference
from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.resources import warehouse
from alignment_monitor.sampling.gold import JudgedMessage, Verdict
from alignment_monitor.settings import Settings
from alignment_monitor.sources.label_rows import label_of
from alignment_monitor.statistics.labelled import MESSAGE, LabelledDays
from alignment_monitor.store import labels as kept

PURPOSE = "estimate"
"""Drawn with a known probability, for two-phase estimates."""

WINDOW_DAYS = 7
"""Judged days drawn from if none are named: the shortest window that labels can speak for."""

Row = dict[str, Any]


def judged_messages(
    settings: Settings, rubric: Rubric, first: date | None, last: date | None
) -> list[JudgedMessage]:
    """The messages of some days that every judge of their day answered, from the marts."""
    path = settings.marts / f"{JUDGED_MESSAGES.name}.parquet"
    if not path.exists():
        return []
    names = [*JUDGED_MESSAGES.key, "inclusion_probability", "rubric_version", "status"]
    table = pq.ParquetFile(path).read(columns=[*names, "opportunities", "flagged"])
    table = table.filter(pc.equal(table["rubric_version"], rubric.full_version))
    if not table.num_rows:
        return []
    end = last or pc.max(table["day"]).as_py()
    start = first or end - timedelta(days=WINDOW_DAYS - 1)
    inside = pc.and_(pc.greater_equal(table["day"], start), pc.less_equal(table["day"], end))
    return _answered(table.filter(inside).to_pylist(), rubric)


def _answered(rows: list[Row], rubric: Rubric) -> list[JudgedMessage]:
    """The messages that every judge of their day answered, from rows of message x judge."""
    panels: dict[date, set[str]] = {}
    calls: dict[tuple[date, str, int], list[Row]] = {}
    for row in rows:
        panels.setdefault(row["day"], set()).add(row["judge"])
        if row["status"] == "ok":
            place = row["day"], row["conversation_id"], row["message_index"]
            calls.setdefault(place, []).append(row)
    headline = frozenset(rubric.headline)
    return [
        JudgedMessage(
            *place,
            weight=1 / answers[0]["inclusion_probability"],
            verdicts=tuple(
                Verdict(headline.intersection(row["flagged"]), len(row["opportunities"]) > 0)
                for row in answers
            ),
        )
        for place, answers in sorted(calls.items())
        if len(answers) == len(panels[place[0]])
    ]


def labelled_days(
    settings: Settings, rubric: Rubric, store: Engine, first: date, last: date
) -> LabelledDays | None:
    """What was judged from first to last day, with the labels that it has; null if none has any.

    Raises:
        WarehouseError: the home's judged answers cannot be read.
    """
    labels = pd.DataFrame(_answers(store, rubric, first, last))
    if labels.empty:
        return None
    asked = settings.warehouse, first, last, rubric.full_version
    # The mart of judged messages is cut to what pages need; the warehouse knows every day.
    rows = warehouse.judged_messages(*asked).to_dict("records")
    strata = pd.DataFrame(
        [
            (message.day, message.conversation_id, message.message_index, message.stratum)
            for message in _answered([{str(k): v for k, v in row.items()} for row in rows], rubric)
        ],
        columns=[*MESSAGE, "stratum"],
    )
    judged = warehouse.judged_answers(*asked)
    strata["day"] = pd.to_datetime(strata["day"]).astype(judged["day"].dtype)
    judged = judged.merge(strata, on=list(MESSAGE), validate="m:1")
    return None if judged.empty else LabelledDays(judged, labels)


def _answers(store: Engine, rubric: Rubric, first: date, last: date) -> Iterator[Row]:
    """Labels of messages of some days, by question, several annotators by their mean.

    Only messages drawn for estimates: those queued for another reason were not drawn by chance.
    """
    queue = [
        row
        for row in kept.queued(store)
        if first <= row["day"] <= last and row["purpose"] == PURPOSE
    ]
    if not queue:
        return
    given: dict[kept.Message, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in kept.current_labels(store, rubric.full_version):
        given[kept.message_of(row)][row["annotator"]].append(row)
    for row in queue:
        answers: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
        for annotator, rows in given.get(kept.message_of(row), {}).items():
            for answer in _reference(row, annotator, rows).rows(rubric):
                offered = answer["gold_applicable"]
                event = offered and answer["gold_positive"]
                if event is not None:  # the stance has no event
                    answers[answer["question"]].append((offered, event))
        for question, said in answers.items():
            offered, event = (sum(column) / len(said) for column in zip(*said, strict=True))
            place = {name: row[name] for name in MESSAGE}
            yield {**place, "behaviour": question, "offered": offered, "event": event}


def _reference(row: Row, annotator: str, rows: list[Row]) -> Reference:
    label = label_of(row["message_index"], annotator, rows)
    return Reference(
        item_id=row["conversation_id"],
        message_index=row["message_index"],
        turns=(),
        source="gold",
        opportunities=label["opportunities"],
        levels=label["levels"],
    )
