"""What pages read: the exported marts of the home, and nothing else.

Every file is kept in memory under its time of change: a page shows a run as soon as it lands,
and nothing is read twice. Arrow tables are immutable, so sessions share them.
"""

import json
import os
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import streamlit as st
from palette import behaviour_colours, deployment_colours

from alignment_monitor.contracts import MARTS, TRANSCRIPTS, VERDICTS, Table
from alignment_monitor.judging.rubric import Rubric, load_rubric
from alignment_monitor.settings import Settings, load
from alignment_monitor.statistics.estimate_rows import JUDGE_SCALE

DAYS_KEPT = 400


def settings() -> Settings:
    """The settings of the home folder that ALIGNMENT_MONITOR_HOME names."""
    return load()


def rubric() -> Rubric:
    """The rubric that the home's judges answer."""
    return load_rubric(settings().judging.rubric, settings().rubrics)


def folder() -> Path:
    """Where the marts are."""
    return settings().marts


def stamp() -> int:
    """Time of the newest change among the marts; 0 on a fresh home."""
    files = [folder() / "about.json", *(folder() / f"{name}.parquet" for name in MARTS)]
    return max((_changed(file) for file in files), default=0)


def about() -> dict[str, Any]:
    """What the installation says of itself; empty on a fresh home."""
    path = folder() / "about.json"
    return _json(str(path), _changed(path))


def table(name: str) -> pa.Table:
    """A mart; without rows where no run has written it yet."""
    return _parquet(MARTS[name], folder() / f"{name}.parquet")


def select(name: str, **values: Any) -> pa.Table:
    """The rows of a mart whose columns have the values given; a list means any of them."""
    found = table(name)
    for column, value in values.items():
        wanted = list(value) if isinstance(value, list | tuple | set) else [value]
        kind = found.schema.field(column).type
        found = found.filter(pc.is_in(found[column], pa.array(wanted, kind)))
    return found


def rows(name: str, **values: Any) -> list[dict[str, Any]]:
    """The same as plain rows, with None for what is missing."""
    found: list[dict[str, Any]] = select(name, **values).to_pylist()
    return found


def estimates(**values: Any) -> list[dict[str, Any]]:
    """Estimates as users get them on the judge's scale, unless a mode is named; newest version."""
    plain = {"mode": JUDGE_SCALE, "standardised": False, **values}
    return rows("estimates", **plain)


def transcripts(day: date) -> pa.Table:
    """The conversations of a day that have a judged message."""
    return _of_day(TRANSCRIPTS, day)


def transcript(day: date, name: str) -> dict[str, Any] | None:
    """One conversation, if it is kept."""
    found: list[dict[str, Any]] = (
        transcripts(day).filter(pc.field("conversation_id") == name).to_pylist()
    )
    return found[-1] if found else None


def verdicts(day: date) -> pa.Table:
    """The answers of a day, question by question."""
    return _of_day(VERDICTS, day)


def matching(text: str, first: date, last: date) -> set[tuple[date, str]]:
    """Day and name of the conversations in which a text occurs, whatever its case."""
    found: set[tuple[date, str]] = set()
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        talks = transcripts(day)
        if not talks.num_rows:
            continue
        turns = talks["turns"].combine_chunks()
        hits = pc.match_substring(pc.list_flatten(turns).field("content"), text, ignore_case=True)
        places = pc.list_parent_indices(turns).filter(hits).unique()
        found |= {(day, name) for name in talks["conversation_id"].take(places).to_pylist()}
    return found


def families() -> list[str]:
    """Families of deployments, those with the newest figures first."""
    newest = (
        table("estimates")
        .group_by("deployment_family")
        .aggregate([("day", "max")])
        .sort_by([("day_max", "descending"), ("deployment_family", "ascending")])
    )
    found: list[str] = newest["deployment_family"].to_pylist()
    return found


def deployments(family: str | None = None) -> list[dict[str, Any]]:
    """Deployments in the order in which they began."""
    wanted = {"deployment_family": family} if family else {}
    return sorted(
        rows("deployments", **wanted), key=lambda row: (row["first_day"], row["deployment"])
    )


def marks(family: str) -> list[tuple[date, str, str]]:
    """Day, kind and label of what was marked of a family or of all; eras show new deployments."""
    return [
        (row["day"], row["kind"], row["label"])
        for row in rows("annotations")
        if row["deployment_family"] in (None, family)
        and not (row["detected"] and row["kind"] == "deployment")
    ]


def behaviour_hues() -> dict[str, str]:
    """The colour of each behaviour and guard of the rubric."""
    asked = rubric()
    return behaviour_colours(asked.headline, [n for n in asked.graded if n not in asked.headline])


def deployment_hues() -> dict[str, str]:
    """The colour of each deployment, whatever its family."""
    return deployment_colours(row["deployment"] for row in deployments())


def segments() -> list[str]:
    """Segments seen among the judged messages."""
    found: Sequence[str] = pc.unique(table("judged_messages")["segment"]).to_pylist()
    return sorted(found)


def _of_day(contract: Table, day: date) -> pa.Table:
    return _parquet(contract, folder() / contract.name / f"day={day}.parquet")


def _parquet(contract: Table, path: Path) -> pa.Table:
    changed = _changed(path)
    return _read(contract.name, str(path), changed, contract) if changed else contract.empty()


@st.cache_resource(show_spinner=False, max_entries=DAYS_KEPT)
def _read(name: str, path: str, changed: int, _contract: Table) -> pa.Table:
    return _contract.conform(_contract.completed(pq.read_table(path, partitioning=None)))


@st.cache_resource(show_spinner=False, max_entries=8)
def _json(path: str, changed: int) -> dict[str, Any]:
    if not changed:
        return {}
    found: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    return found


def _changed(path: Path) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except FileNotFoundError:
        return 0
