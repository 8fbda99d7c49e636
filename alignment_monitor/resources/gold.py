"""Judged messages and what people say of them, brought together from marts, warehouse and store.

Here belongs: which messages were judged, in which stratum of the label queue, and the labels that
stand, as figures. Here does not belong: the draw (sampling.gold), keeping labels (store.labels) or
the estimate from them (statistics.labelled).
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Engine

from alignment_monitor.contracts import JUDGED_MESSAGES
from alignment_monitor.detection.label_weights import OFFERED, with_flagged, with_shares
from alignment_monitor.judging.audit.annotators import decisive
from alignment_monitor.judging.audit.reference import Reference
from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.resources.judged import judged_answers
from alignment_monitor.resources.marts import Marts
from alignment_monitor.sampling.bursts import Candidate
from alignment_monitor.sampling.gold import JudgedMessage, Verdict
from alignment_monitor.settings import Settings
from alignment_monitor.sources.label_rows import label_of
from alignment_monitor.statistics.labelled import MESSAGE, LabelledDays
from alignment_monitor.store import labels as kept

PURPOSE = "estimate"
"""Drawn with a known probability, for two-phase estimates."""

BURST = "burst"
"""Drawn because a change is suspected: evidence for it or against it, and no part of estimates."""

WINDOW_DAYS = 7
"""Judged days drawn from if none are named: the shortest window that labels can speak for."""

DAYS_AT_ONCE = 28
"""Days whose judged messages are in memory together: labels may be of years."""

Row = dict[str, Any]


def judged_messages(
    settings: Settings, rubric: Rubric, first: date | None, last: date | None
) -> list[JudgedMessage]:
    """The messages of some days that every judge of their day answered, from the marts."""
    marts, asked = Marts(settings.marts), rubric.full_version
    known = marts.span(JUDGED_MESSAGES.name, rubric_version=asked)
    if known is None:
        return []
    end = last or known[1]
    start = first or end - timedelta(days=WINDOW_DAYS - 1)
    names = [*JUDGED_MESSAGES.key, "inclusion_probability", "rubric_version", "status"]
    names += ["opportunities", "flagged"]
    rows = marts.select(
        JUDGED_MESSAGES.name, columns=names, first=start, last=end, rubric_version=asked
    )
    return answered(rows.to_pylist(), rubric)


def answered(rows: list[Row], rubric: Rubric) -> list[JudgedMessage]:
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
    # The mart of judged messages is cut to what pages need; the warehouse knows every day.
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    judged = judged_answers(settings.warehouse, days, rubric)
    judged = judged.dropna(subset=["queue_stratum"]).rename(columns={"queue_stratum": "stratum"})
    return None if judged.empty else LabelledDays(judged, labels)


def label_evidence(settings: Settings, rubric: Rubric, store: Engine, last: date) -> pd.DataFrame:
    """Labels as the detector takes them, of messages in which the judges saw the opportunity.

    A message whose conversation went on another day counts once, on the first that was queued when
    it was labelled. What was drawn for one behaviour's verdict says nothing of another's.

    Returns:
        Rows as ``detection.label_days`` takes them; empty if none was given until the last day.

    Raises:
        WarehouseError: the home's judged answers cannot be read.
    """
    queue = [row for row in kept.queued(store) if row["day"] <= last]
    given: dict[kept.Message, list[Row]] = defaultdict(list)
    for row in kept.label_history(store, rubric.full_version) if queue else ():
        if row["labelled_at"].date() <= last:
            given[kept.message_of(row)].append(row)
    sizes = Counter(row["batch"] for row in queue)
    labels = pd.DataFrame(_evidence(queue, given, rubric))
    if labels.empty:
        return labels
    return with_verdicts(settings, rubric, labels.assign(batch_size=labels["batch"].map(sizes)))


def with_verdicts(settings: Settings, rubric: Rubric, labels: pd.DataFrame) -> pd.DataFrame:
    """Labels with what the judges said of the same messages, where these saw the opportunity.

    Args:
        settings: of the home.
        rubric: verdicts on others do not count.
        labels: one or more: ``MESSAGE``, behaviour, event, labelled_on, batch, batch_size.

    Returns:
        Rows as ``detection.label_days`` takes them.

    Raises:
        WarehouseError: the home's judged answers cannot be read.
    """
    local = [pd.notna(name) and segment_of(name) is not None for name in labels["batch"]]
    labels = labels.assign(local=local, batch_size=labels["batch_size"].fillna(0))
    days = sorted(set(labels["day"]))
    parts = []
    for start in range(0, len(days), DAYS_AT_ONCE):
        judged = judged_answers(settings.warehouse, days[start : start + DAYS_AT_ONCE], rubric)
        mine = labels.assign(day=pd.to_datetime(labels["day"]).astype(judged["day"].dtype))
        shared = with_shares(with_flagged(judged))
        parts.append(shared.merge(mine, on=[*MESSAGE, "behaviour"]))
    return pd.concat(parts, ignore_index=True)


def candidates(answers: pd.DataFrame, day: date) -> Iterator[Candidate]:
    """Messages that a burst may draw from, of rows of one behaviour's judged answers on a day."""
    columns = ("conversation_id", "message_index", "d", "o", "y")
    for name, index, weight, offered, event in zip(
        *(answers[column].tolist() for column in columns), strict=True
    ):
        message = JudgedMessage(day, str(name), int(index), float(weight), ())
        yield Candidate(message, event >= OFFERED * offered)


def _evidence(
    queue: list[Row], given: dict[kept.Message, list[Row]], rubric: Rubric
) -> Iterator[Row]:
    """Message x question, with the day on which it was first labelled."""
    for row in queue:
        # The first day's, by the order of the queue; a later one is the same text again. What was
        # queued after the label is none of it: it would change decisions of the past.
        labels = given.get(kept.message_of(row))
        if labels is None or min(one["labelled_at"] for one in labels) < row["queued_at"]:
            continue
        del given[kept.message_of(row)]
        labelled_on, answers = _first_day(labels)
        # Not by its purpose: what is drawn for estimates too stays the evidence that it was.
        batch = row["batch"] if "@" in row["batch"] else None
        for question, _, event in _said(row, answers, rubric):
            if batch is None or f"/{question}/" in batch:
                yield {
                    **{name: row[name] for name in MESSAGE},
                    "behaviour": question,
                    "event": event,
                    "labelled_on": labelled_on,
                    "batch": batch,
                }


def batch_name(family: str, behaviour: str, segment: str | None, day: date) -> str:
    """Name of a burst: what is suspected, and the day that it was drawn from."""
    return f"{family}/{behaviour}/{segment or ''}@{day}"


def suspected(row: Row) -> tuple[str, str, str]:
    """Family, behaviour and segment ("": all) of a burst's row; names may hold slashes."""
    behaviour = row["stratum"].partition("|")[2]
    family, _, segment = row["batch"].rpartition("@")[0].partition(f"/{behaviour}/")
    return family, behaviour, segment


def segment_of(batch: str) -> str | None:
    """Segment that a burst was drawn in; null: all of them."""
    return batch.rpartition("@")[0].rpartition("/")[2] or None


def _first_day(rows: list[Row]) -> tuple[date, dict[str, list[Row]]]:
    """The day on which a message was first labelled, and what stood at its end, by annotator."""
    day = min(row["labelled_at"].date() for row in rows)
    stood: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        replaced = row["replaced_at"]
        if row["labelled_at"].date() == day and (replaced is None or replaced.date() > day):
            stood[row["annotator"]].append(row)
    return day, stood


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
        place = {name: row[name] for name in MESSAGE}
        for question, offered, event in _said(row, given.get(kept.message_of(row), {}), rubric):
            yield {**place, "behaviour": question, "offered": offered, "event": event}


def _said(
    queued: Row, given: dict[str, list[Row]], rubric: Rubric
) -> Iterator[tuple[str, float, float]]:
    """Question, and what annotators say on average: the opportunity, and the event.

    Where they differed and somebody settled it, what that one said.
    """
    answers: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    for annotator, rows in decisive(given).items():
        for answer in _reference(queued, annotator, rows).rows(rubric):
            offered = answer["gold_applicable"]
            event = offered and answer["gold_positive"]
            if event is not None:  # the stance has no event
                answers[answer["question"]].append((offered, event))
    for question, said in answers.items():
        offered, event = (sum(column) / len(said) for column in zip(*said, strict=True))
        yield question, offered, event


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
