"""A judge of another family in place of people: what it is asked, and how its answers are kept.

Here belong: which messages of a day it is asked about, its answers as rows, and these with the
verdicts of the judges. Here does not belong: the draws (sampling), how a judge is asked (judging)
or what an answer is worth as evidence (detection.gold).

Where it is set, the detector reads its answers and no labels by people; estimates from labels read
people alone. Its answers count from the day after the run that asked for them. It can be wrong as
the judges are: it vouches for them only as far as its errors are its own.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from alignment_monitor.contracts import CONVERSATIONS, STAND_IN_LABELS
from alignment_monitor.detection.decisions import WHOLE
from alignment_monitor.detection.label_weights import OFFERED
from alignment_monitor.detection.tiers import BURST as SIZE
from alignment_monitor.judging.journal import Answer, Key
from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.judging.verdicts import verdict_rows
from alignment_monitor.judging.window import Unit, make_unit
from alignment_monitor.resources.gold import (
    answered,
    batch_name,
    candidates,
    with_verdicts,
)
from alignment_monitor.resources.judged import judged_answers, judged_messages
from alignment_monitor.resources.lake import Lake
from alignment_monitor.sampling.bursts import draw_burst
from alignment_monitor.sampling.gold import JudgedMessage, draw_gold
from alignment_monitor.settings import Judge, Settings
from alignment_monitor.statistics.labelled import MESSAGE

Row = dict[str, Any]
Place = tuple[str, int]
"""Conversation and message."""

GRADED = ("behaviour", "guard", "derived")
"""Kinds of questions whose answer is an event or none."""


@dataclass(frozen=True)
class Question:
    """Why a message is asked about.

    Attributes:
        about: the one behaviour that it was drawn for; null: any.
        batch: its burst; null: it belongs to the daily draw.
        batch_size: messages of that burst.
    """

    about: str | None = None
    batch: str | None = None
    batch_size: int = 0


def questions_of(
    settings: Settings, rubric: Rubric, day: date, asked: Iterable[tuple[str, str, str]]
) -> dict[Place, Question]:
    """The messages of a day that the stand-in is asked about; the same on every run of the day.

    Args:
        settings: of the home.
        rubric: verdicts on others do not count.
        day: the day.
        asked: episodes that want a burst: family, behaviour, and segment or 'all'.

    Raises:
        WarehouseError: the home's judged answers cannot be read.
    """
    rows = judged_messages(settings.warehouse, day, day, rubric.full_version)
    records = rows.to_dict("records")
    messages = answered([{str(k): v for k, v in row.items()} for row in records], rubric)
    if not messages:
        return {}
    key = f"stand-in/{settings.random_key}"
    drawn = draw_gold(messages, settings.judging.stand_in_messages_per_day, key=key)
    found = {_place(item.message): Question() for item in drawn}
    answers = judged_answers(settings.warehouse, [day], rubric)
    answers = answers[answers["o"] >= OFFERED]
    for family, behaviour, segment in asked:
        mine = (answers["deployment_family"] == family) & (answers["behaviour"] == behaviour)
        if segment != WHOLE:
            mine &= answers["segment"] == segment
        fresh = [one for one in candidates(answers[mine], day) if _place(one.message) not in found]
        burst = draw_burst(fresh, SIZE, behaviour=behaviour, key=key)
        if len(found) + len(burst) > settings.judging.calls_per_day:
            break  # the episode asks again tomorrow
        batch = batch_name(family, behaviour, None if segment == WHOLE else segment, day)
        why = Question(behaviour, batch, len(burst))
        found |= {_place(item.message): why for item in burst}
    return found


def units_of(
    settings: Settings, lake: Lake, day: date, questions: Mapping[Place, Question]
) -> list[Unit]:
    """The messages as a judge is shown them, in an order that tells nothing of the draw."""
    table = lake.read(CONVERSATIONS, [day])
    wanted = pa.array([name for name, _ in questions], pa.string())
    names = pc.field("conversation_id").isin(wanted)
    turns = {
        row["conversation_id"]: row["turns"]
        for row in table.filter(names & pc.field("eligible")).to_pylist()
    }
    return [
        make_unit(
            name,
            index,
            turns[name],
            context_messages=settings.judging.context_messages,
            max_tokens=settings.judging.context_tokens,
        )
        for name, index in sorted(questions)
        if name in turns
    ]


def stand_in_rows(
    settings: Settings,
    rubric: Rubric,
    judge: Judge,
    day: date,
    units: Iterable[Unit],
    questions: Mapping[Place, Question],
    answers: Mapping[Key, Answer],
    known_on: date,
) -> Iterator[Row]:
    """Rows of ``STAND_IN_LABELS``; a message without a usable answer has none."""
    for row in verdict_rows(day, units, answers, judge, rubric, settings.judging):
        why = questions[row["conversation_id"], row["message_index"]]
        graded = row["status"] == "ok" and row["kind"] in GRADED
        if graded and why.about in (None, row["question"]):
            yield {
                "day": day,
                "known_on": known_on,
                "conversation_id": row["conversation_id"],
                "message_index": row["message_index"],
                "behaviour": row["question"],
                # Where it does not see the opportunity, there is no event either.
                "event": bool(row["applicable"] and row.get("positive")),
                "batch": why.batch,
                "batch_size": why.batch_size,
                "fingerprint": row["fingerprint"],
                "rubric_version": row["rubric_version"],
            }


def known_on(lake: Lake, day: date, ran_to: date) -> date:
    """Day from which a day's answers count: after the run that brought them, whatever runs later.

    A decision never rests on what was asked after it, so that it can be made again.
    """
    before = lake.read(STAND_IN_LABELS, [day])["known_on"].to_pylist()
    return min(before, default=ran_to + timedelta(days=1))


def stand_in_evidence(settings: Settings, rubric: Rubric, lake: Lake, last: date) -> pd.DataFrame:
    """The stand-in's answers as the detector takes labels, of those known on a day.

    Raises:
        WarehouseError: the home's judged answers cannot be read.
    """
    days = [day for day in lake.days(STAND_IN_LABELS) if day < last]
    known = (pc.field("known_on") <= last) & (pc.field("rubric_version") == rubric.full_version)
    rows = lake.read(STAND_IN_LABELS, days).filter(known).to_pandas()
    if rows.empty:
        return rows
    labels = pd.DataFrame(
        {
            **rows[[*MESSAGE, "behaviour"]],
            "event": rows["event"].astype(float),
            "labelled_on": rows["known_on"],
            "batch": rows["batch"],
            "batch_size": rows["batch_size"],
        }
    )
    return with_verdicts(settings, rubric, labels)


def _place(message: JudgedMessage) -> Place:
    return message.conversation_id, message.message_index
