"""An operational store with alerts in every state, made by the code that makes real ones."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from alignment_monitor.alerting.alert import Policy
from alignment_monitor.alerting.channels import BrokenChannel
from alignment_monitor.alerting.desk import Desk
from alignment_monitor.alerting.service import process_days
from alignment_monitor.contracts import DRIFT_SIGNALS
from alignment_monitor.judging.rubric import load_rubric
from alignment_monitor.judging.window import make_unit
from alignment_monitor.operations.alerts import refresh_marts
from alignment_monitor.operations.labelling.queue import queue_rows
from alignment_monitor.resources.gold import BURST, PURPOSE, batch_name, judged_messages
from alignment_monitor.sampling.gold import GoldItem
from alignment_monitor.settings import load
from alignment_monitor.store import open_store
from alignment_monitor.store.labels import Label, Message, enqueue, keep_label, queued
from alignment_monitor.store.texts import uncarried
from tests.fakes.signals import signal_row

CHANNELS = [BrokenChannel("on-call", "-")]
TODAY = datetime.now(UTC)
LAST = TODAY.date() - timedelta(days=1)

FIRING = "MODEL/aurora/unwarranted_agreement/up"
HELD = "MODEL/aurora/caving/up"
JUDGE = "JUDGE/judge/caving.sensitivity/up"
MUTED = "MODEL/aurora/warranted_challenge/down"
WARNED = "MODEL/aurora/substance/down"
FEW = "MODEL/aurora/harmful_reinforcement/up"
OVER = "MODEL/aurora/unearned_praise/up"
STATEMENTS = {
    FIRING: "Unwarranted agreement of aurora rose from 11 % to 21 % [16, 26] in the 7 days to "
    "{day}: by 9 points [6, 13] since {day}, near the start of aurora-1.2.",
    HELD: "Caving of aurora rose from 12 % to 19 % [14, 25] in the 7 days to {day}.",
    JUDGE: "The judge judge changed: it finds Caving in more of the sentinels that show it, 97 % "
    "instead of 84 %, since {day}.",
    MUTED: "Warranted challenge of aurora fell from 40 % to 31 % [24, 38] in the 7 days to {day}.",
    WARNED: "Substance of aurora fell from 84 % to 80 % [75, 84] in the 7 days to {day}.",
    FEW: "Harmful reinforcement of aurora rose from 3 % to 9 % [2, 24] in the 7 days to {day}.",
    OVER: "Unearned praise of aurora rose from 20 % to 24 % [19, 30] in the 7 days to {day}.",
}


def write_store(home: Path, *, text: str = "", marts: bool = True) -> dict[str, str]:
    """Add a store to a home; returns the id of the newest alert of each series.

    Args:
        home: with marts.
        text: put into whatever people write.
        marts: write those of alerts anew, from the store.
    """
    settings = load(home)
    engine = open_store(settings.store_url)
    first = LAST - timedelta(days=12)
    rows = [signal_row(OVER, first, "PAGE")]
    rows += [signal_row(OVER, first + timedelta(days=n), "NONE") for n in range(1, 8)]
    for number in range(3):
        day = LAST - timedelta(days=2 - number)
        rows += [
            signal_row(FIRING, day, "PAGE", effective_n=60.0),
            signal_row(FEW, day, "PAGE", effective_n=9.3),
        ]
        rows += [signal_row(JUDGE, day, "PAGE"), signal_row(HELD, day, "PAGE", effective_n=48.0)]
        rows += [
            signal_row(WARNED, day, "UNRESOLVED"),
            signal_row(MUTED, day, "PAGE", effective_n=60.0),
        ]
    process_days(
        engine,
        DRIFT_SIGNALS.table(rows),
        evidence_for=lambda row: {
            "statement": STATEMENTS[row["series"]].format(day=row["day"]) + text,
            "judged_share": 0.98,
            "links": {"explain": f"alignment-monitor explain {row['series']} {row['day']}{text}"},
        },
        channels=CHANNELS,
        now=TODAY - timedelta(hours=9),
        policy=Policy(),
        deployed={"aurora": [first + timedelta(days=1)]},
    )
    names = _names(engine)
    # What the desk takes: the rest of a foreign text is in what the detector says.
    typed = "".join(character for character in text if not uncarried(character))
    desk = Desk(engine, CHANNELS, Policy(), f"Ann{typed}"[:100], TODAY - timedelta(hours=5))
    desk.acknowledge(names[WARNED], f"reading the replies{typed}")
    desk.comment(names[FIRING], f"Only on the tutoring surface, so far.{typed}")
    desk.silence({"series": MUTED}, TODAY + timedelta(days=2), f"provider changes{typed}")
    desk.resolve(names[OVER], "false_alarm")
    if marts:
        refresh_marts(settings, engine)
    engine.dispose()
    return names


def write_queue(home: Path, n: int, *, bursts: int = 0) -> list[dict[str, Any]]:
    """Queue the first ``n`` judged messages for labels, the last of them as a burst.

    Args:
        home: with marts.
        n: messages.
        bursts: how many of them the detector asked for.
    """
    settings, rubric = load(home), load_rubric()
    engine = open_store(settings.store_url)
    judged = judged_messages(settings, rubric, date.min, None)[:n]
    assert len(judged) == n
    drawn = [GoldItem(message, message.stratum, 1.0) for message in judged]
    batch = batch_name("aurora", "caving", None, judged[-1].day)
    asked = [replace(item, stratum="positive|caving") for item in drawn[n - bursts :]]
    for items, purpose, name in (
        (drawn[: n - bursts], PURPOSE, "all"),
        (asked, BURST, batch),
    ):
        rows = queue_rows(settings, items, purpose=purpose, batch=name, now=TODAY)
        enqueue(engine, rows)
    found = queued(engine)
    engine.dispose()
    return found


def write_labels(home: Path, name: str, annotator: str) -> None:
    """Let somebody have labelled message 4 of a conversation of the sample."""
    settings = load(home)
    engine, rubric = open_store(settings.store_url), load_rubric()
    (talk,) = [
        row
        for path in (settings.marts / "transcripts").glob("*.parquet")
        for row in pq.read_table(path, partitioning=None).to_pylist()
        if row["conversation_id"] == name
    ]
    unit = make_unit(
        name, 4, talk["turns"], context_messages=settings.judging.context_messages,
        max_tokens=settings.judging.context_tokens,
    )  # fmt: skip
    common = {"level": 2, "value": None, "note": ""}
    answers = [
        {**common, "question": "caving", "kind": "behaviour"},
        {**common, "question": "substance", "kind": "guard"},
    ]
    for who, content in ((annotator, unit.content_hash), ("Eve", "of an earlier version")):
        keep_label(
            engine, Label(Message(name, 4, content), who, answers), rubric=rubric.name,
            rubric_version=rubric.full_version, now=TODAY,
        )  # fmt: skip
    engine.dispose()


def _names(engine) -> dict[str, str]:
    from alignment_monitor.alerting.service import export_alerts

    return {row["series"]: row["alert_id"] for row in export_alerts(engine).to_pylist()}
