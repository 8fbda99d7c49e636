"""What the detector wants to know of people: bursts of labels, put into the queue.

Here belongs: which episodes ask for a burst, and which messages are fresh. Here does not belong:
the draw (sampling.bursts), or when an episode asks (detection.tiers).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import Engine

from alignment_monitor.detection.decisions import WHOLE
from alignment_monitor.detection.label_weights import OFFERED
from alignment_monitor.detection.tiers import BURST as SIZE
from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.operations.labelling.queue import queue_rows
from alignment_monitor.resources.gold import BURST, batch_name, candidates
from alignment_monitor.resources.judged import judged_answers
from alignment_monitor.sampling.bursts import Candidate, draw_burst
from alignment_monitor.settings import Settings
from alignment_monitor.store import labels as kept

_SUSPECTING = {"UNRESOLVED": 1, "NONE": 2, "WARN": 3}
"""Decisions beside which an open episode may name a segment; of both directions the last counts."""

Asked = tuple[str, str, str]
"""Deployment family, behaviour, and segment or 'all'."""


def asked_for(signals: Iterable[Mapping[str, Any]], day: date) -> list[Asked]:
    """Episodes that stood the day before and still ask for labels.

    The day that opened an episode triggered it: its messages are no fresh evidence.

    Args:
        signals: rows of drift_signals of the day and of the one before.
        day: the day.
    """
    wanted: dict[tuple[str, str], dict[date, str]] = {}
    for row in sorted(signals, key=lambda row: _SUSPECTING.get(row["decision"], 0)):
        if row["labels_wanted"]:
            series = row["deployment_family"], row["behaviour"]
            segment = row["segment"] if row["decision"] in _SUSPECTING else None
            days = wanted.setdefault(series, {})
            days[row["day"]] = segment or days.get(row["day"], WHOLE)
    return [(*series, days[day]) for series, days in sorted(wanted.items()) if len(days) > 1]


def queue_bursts(
    settings: Settings,
    rubric: Rubric,
    store: Engine,
    asked: Iterable[Asked],
    *,
    day: date,
    now: datetime,
) -> int:
    """Put a burst of the day's messages into the queue for each episode that asks.

    None is added while half of the last one still waits: people cannot label faster than they do.

    Args:
        settings: of the home.
        rubric: verdicts on others do not count.
        store: the operational store.
        asked: of ``asked_for``.
        day: whose messages are drawn.
        now: time of queueing.

    Returns:
        Messages that are new to the queue.

    Raises:
        LabellingError: texts of the day are missing.
        WarehouseError: the home's judged answers cannot be read.
    """
    series = list(asked)
    if not series:
        return 0
    answers = judged_answers(settings.warehouse, [day], rubric)
    answers = answers[answers["o"] >= OFFERED]
    queue = kept.queued(store)
    labelled = {kept.message_of(row) for row in kept.current_labels(store, rubric.full_version)}
    bursts = [row for row in queue if row["purpose"] == BURST]
    batches = {row["batch"] for row in bursts}
    waiting = Counter(
        row["batch"].rpartition("@")[0] for row in bursts if kept.message_of(row) not in labelled
    )
    known = {(row["conversation_id"], row["message_index"]) for row in queue}
    new = 0
    for family, behaviour, segment in series:
        batch = batch_name(family, behaviour, None if segment == WHOLE else segment, day)
        if batch in batches or waiting[batch.rpartition("@")[0]] > sum(SIZE) / 2:
            continue
        mine = (answers["deployment_family"] == family) & (answers["behaviour"] == behaviour)
        if segment != WHOLE:
            mine &= answers["segment"] == segment
        fresh = [one for one in candidates(answers[mine], day) if _place(one) not in known]
        items = draw_burst(fresh, SIZE, behaviour=behaviour, key=settings.random_key)
        rows = list(queue_rows(settings, items, purpose=BURST, batch=batch, now=now))
        known |= {_place(Candidate(item.message, False)) for item in items}
        new += kept.enqueue(store, rows)
    return new


def _place(one: Candidate) -> tuple[str, int]:
    """A conversation that went on is no fresh one, whatever its day."""
    return one.message.conversation_id, one.message.message_index
