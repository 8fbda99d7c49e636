"""What the judges' answers say beyond the marts' sums: events by message, errors, latencies.

Here belong: queries over the verdicts of some days and over the operational store, kept in memory
until a run lands. Here does not belong: what is made of them (rater_pairs.py, delays.py).
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import marts
import pandas as pd
import streamlit as st
from rater_pairs import UNIT, people

from alignment_monitor.contracts import VERDICTS
from alignment_monitor.contracts.vocabulary import POSITIVE_LEVEL
from alignment_monitor.operations import alerts
from alignment_monitor.store import StoreError
from alignment_monitor.store.journal_times import latencies
from alignment_monitor.store.labels import current_labels

ANSWERS_READ = 20_000
"""Newest answers whose latency is looked at: enough for percentiles, whatever a judge answers."""


@st.cache_data(show_spinner=False, max_entries=4)
def judge_events(stamp: int, last: date, days: int) -> pd.DataFrame:
    """Events that judges saw in traffic: rater, UNIT, question, event; of the last ``days``."""
    return _events(_files(last - timedelta(days=offset) for offset in range(days)))


@st.cache_data(show_spinner=False, max_entries=4, ttl=300)
def labelled_events(stamp: int, rubric_version: str) -> pd.DataFrame:
    """The same of people, and of judges on the messages that people labelled, of any day."""
    try:
        with alerts.opened(marts.settings()) as engine:
            rows = current_labels(engine, rubric_version)
    except (alerts.DeskError, StoreError):
        return _nothing()
    labels = pd.DataFrame(
        [
            {
                "annotator": row["annotator"],
                "conversation_id": row["conversation_id"],
                "message_index": row["message_index"],
                "question": row["question"],
                "event": float(row["level"] >= POSITIVE_LEVEL),
            }
            for row in rows
            if row["kind"] in ("behaviour", "guard") and row["level"] is not None
        ]
    )
    if labels.empty:
        return _nothing()
    judged = marts.select(
        "judged_messages", conversation_id=labels["conversation_id"].unique().tolist()
    )
    places = judged.select(UNIT).to_pandas().drop_duplicates()
    places["day"] = places["day"].astype(str)
    labels = labels.merge(places, on=["conversation_id", "message_index"])
    if labels.empty:
        return _nothing()
    names = labels["conversation_id"].unique().tolist()
    judges = _events(_files(sorted(labels["day"].unique())), names)
    return pd.concat([judges, people(labels)[judges.columns]], ignore_index=True)


@st.cache_data(show_spinner=False, max_entries=16)
def errors(stamp: int, judge: str, last: date, days: int) -> list[dict[str, Any]]:
    """Why calls to a judge brought no verdict, of the last days: status, error and how often."""
    files = _files(last - timedelta(days=offset) for offset in range(days))
    if not files:
        return []
    query = """
        select status, coalesce(error, '') as error, count(*) as calls
        from read_parquet(?, hive_partitioning = false)
        where judge = ? and question = 'stance' and status not in ('ok', 'awaiting')
        group by all order by calls desc, error
    """
    with _quiet() as connection:
        found = connection.execute(query, [files, judge]).fetchall()
    return [dict(zip(("status", "error", "calls"), row, strict=True)) for row in found]


@st.cache_data(show_spinner=False, max_entries=16, ttl=300)
def waits(stamp: int, fingerprint: str, days: int) -> list[tuple[datetime, float]]:
    """When the newest answers of a judge came, and how many seconds each took."""
    since = datetime.now(UTC) - timedelta(days=days)
    try:
        with alerts.opened(marts.settings()) as engine:
            return latencies(engine, fingerprint.rpartition("/")[2], since, ANSWERS_READ)
    except (alerts.DeskError, StoreError):
        return []


def _events(files: Sequence[str], names: Sequence[str] | None = None) -> pd.DataFrame:
    """Answered questions about traffic in some files, of some conversations if they are named."""
    if not files:
        return _nothing()
    days = [date.fromisoformat(Path(file).stem.removeprefix("day=")) for file in files]
    judged = marts.select("judged_messages", columns=UNIT, first=min(days), last=max(days))
    query = f"""
        select * replace (day::varchar as day) from (
            select judge as rater, day, conversation_id, message_index, question,
                (level >= {POSITIVE_LEVEL})::double as event
            from read_parquet($files, hive_partitioning = false)
            where kind in ('behaviour', 'guard') and status = 'ok' and applicable
                and level is not null and ($names is null or list_contains($names, conversation_id))
        )
        semi join (select day, conversation_id, message_index from judged)
            using (day, conversation_id, message_index)
    """  # noqa: S608  # the only thing put in is a number of ours
    values = {"files": list(files), "names": list(names) if names else None}
    with _quiet() as connection:
        connection.register("judged", judged)
        return connection.execute(query, values).df()


def _quiet() -> duckdb.DuckDBPyConnection:
    """A connection in memory that draws no bar into the server's log."""
    connection = duckdb.connect()
    connection.execute("set enable_progress_bar = false")
    return connection


def _files(days: Any) -> list[str]:
    folder: Path = marts.folder() / VERDICTS.name
    paths = (folder / f"day={pd.Timestamp(day).date()}.parquet" for day in days)
    return [str(path) for path in paths if path.exists()]


def _nothing() -> pd.DataFrame:
    return pd.DataFrame(columns=["rater", *UNIT, "question", "event"])
