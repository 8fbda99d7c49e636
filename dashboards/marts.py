"""What pages read: the exported marts of the home, and nothing else.

Filters go down to the files, and what was read is kept, up to so many bytes, until its files
change: a page shows a run as soon as it lands, at any length of the history. Ask for the columns
and days that are shown: the whole of ``estimates`` or ``judged_messages`` fits no memory.
"""

import json
import os
from collections.abc import Callable, Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import streamlit as st
from kept import Kept
from palette import behaviour_colours, deployment_colours

from alignment_monitor.contracts import BY_MONTH, MARTS, TRANSCRIPTS, VERDICTS, Table
from alignment_monitor.judging.rubric import Rubric, load_rubric
from alignment_monitor.resources.marts import Marts, Order
from alignment_monitor.resources.parts import condition
from alignment_monitor.settings import FILE_NAME, Settings, home_folder, load
from alignment_monitor.statistics.estimate_rows import JUDGE_SCALE

KEPT = Kept(128 * 2**20)
"""What was read, of all homes and sessions."""


def settings() -> Settings:
    """The settings of the home folder that ALIGNMENT_MONITOR_HOME names."""
    home = home_folder()
    return _settings(home, _changed(home / FILE_NAME))


@lru_cache(maxsize=8)
def _settings(home: Path, changed: int) -> Settings:
    """Read once while the file is the same: a page asks dozens of times."""
    return load(home)


def rubric() -> Rubric:
    """The rubric that the home's judges answer."""
    return load_rubric(settings().judging.rubric, settings().rubrics)


def folder() -> Path:
    """Where the marts are."""
    return settings().marts


def stamp() -> int:
    """Time of the newest change among the marts; 0 on a fresh home."""
    files = [folder() / "about.json", *(folder() / f"{name}.parquet" for name in MARTS)]
    # A file put in place changes its folder.
    files += [folder() / name for name in BY_MONTH]
    return max((_changed(file) for file in files), default=0)


def about() -> dict[str, Any]:
    """What the installation says of itself; empty on a fresh home."""
    path = folder() / "about.json"
    return _json(str(path), _changed(path))


def table(name: str) -> pa.Table:
    """A mart; without rows where no run has written it yet. Whole: for small ones."""
    return select(name)


def has(name: str) -> bool:
    """Whether a mart has any row; reads none."""
    return home().has(name)


def select(
    name: str,
    *,
    columns: Sequence[str] | None = None,
    first: date | None = None,
    last: date | None = None,
    order: Order = (),
    limit: int | None = None,
    offset: int = 0,
    **values: Any,
) -> pa.Table:
    """The rows of a mart whose columns have the values given; a list means any of them.

    Args:
        name: the mart.
        columns: these only; None: all. Fewer are quicker.
        first: no day before.
        last: no day after.
        order: (column, ascending / descending); else the order of the contract's key.
        limit: at most so many rows, after ordering.
        offset: rows left out before them.
        values: column = value; None means missing.
    """
    asked = {
        "columns": None if columns is None else tuple(columns), "first": first, "last": last,
        "order": tuple(order), "limit": limit, "offset": offset,
        **{column: _fixed(value) for column, value in values.items()},
    }  # fmt: skip
    cell = all(isinstance(values.get(column), str) for column in ("deployment", "segment"))
    if name == "estimates" and cell and not order and limit is None and not offset:
        return _of_cell(asked, columns)
    return _kept(name, asked)


def _kept(name: str, asked: dict[str, Any]) -> pa.Table:
    key = ("select", *sorted(asked.items(), key=str))
    return kept(key, name, lambda: home().select(name, **asked))


def _of_cell(asked: dict[str, Any], columns: Sequence[str] | None) -> pa.Table:
    """Estimates of a deployment's segment: all questions and windows are read together.

    They lie together, and a page that wants one wants the others next.
    """
    names = ("behaviour", "window_days")
    narrow = {column: asked.pop(column) for column in names if column in asked}
    if columns is not None:
        asked["columns"] = tuple(dict.fromkeys([*columns, *narrow]))
    found = _kept("estimates", asked)
    if narrow:
        found = found.filter(condition(MARTS["estimates"], None, None, narrow))
    return found if columns is None else found.select(list(columns))


def rows(name: str, **asked: Any) -> list[dict[str, Any]]:
    """The same as plain rows, with None for what is missing."""
    found: list[dict[str, Any]] = select(name, **asked).to_pylist()
    return found


def distinct(name: str, *columns: str, **asked: Any) -> list[tuple[Any, ...]]:
    """The combinations of some columns that occur, in order; asked as of ``select``."""
    key = ("distinct", columns, *((column, _fixed(value)) for column, value in asked.items()))

    def find() -> pa.Table:
        whole = home().select(name, columns=columns, **asked)
        return whole.group_by(list(columns)).aggregate([])

    found = kept(key, name, find)
    return sorted(zip(*(found[c].to_pylist() for c in columns), strict=True), key=str)


def span(name: str, **values: Any) -> tuple[date, date] | None:
    """First and last day of the rows with these values; None without any."""

    def find() -> pa.Table:
        return pa.table({"day": pa.array(home().span(name, **values) or (), pa.date32())})

    found = kept(("span", *sorted(values.items())), name, find)["day"].to_pylist()
    return (found[0], found[1]) if found else None


def newest(name: str, **values: Any) -> date | None:
    """Last day of the rows with these values; None without any."""

    def find() -> pa.Table:
        day = home().newest(name, **values)
        return pa.table({"day": pa.array([day] if day else [], pa.date32())})

    found = kept(("newest", *sorted(values.items())), name, find)["day"].to_pylist()
    return found[0] if found else None


def estimates(**asked: Any) -> list[dict[str, Any]]:
    """Estimates as users get them on the judge's scale, unless a mode is named; newest version."""
    plain = {"mode": JUDGE_SCALE, "standardised": False, **asked}
    return rows("estimates", **plain)


def transcript(day: date, name: str) -> dict[str, Any] | None:
    """One conversation, if it is kept."""
    return transcripts(day, [name]).get(name)


def transcripts(day: date, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Conversations of a day by name, as far as they are kept."""
    found = _of_day(TRANSCRIPTS, day, conversation_id=names).to_pylist()
    return {row["conversation_id"]: row for row in found}


def verdicts(day: date, name: str) -> pa.Table:
    """The answers about a conversation, question by question."""
    return _of_day(VERDICTS, day, conversation_id=name)


def families() -> list[str]:
    """Families of deployments that have figures, those with the newest ones first."""
    names = {row["deployment_family"] for row in rows("deployments")}
    whole = {"deployment": "all", "segment": "all"}
    days = {name: newest("estimates", deployment_family=name, **whole) for name in sorted(names)}
    known = [name for name, day in days.items() if day is not None]
    return sorted(known, key=lambda name: days[name] or date.min, reverse=True)


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
    return [segment for (segment,) in distinct("judged_messages", "segment")]


def home() -> Marts:
    """The marts themselves, for what is read once and not kept."""
    return Marts(folder())


def kept(key: tuple[Any, ...], name: str, read: Callable[[], pa.Table]) -> pa.Table:
    """What is computed of a mart, kept as long as that does not change."""
    files = home()
    return KEPT.get((*key, str(files.folder), name, files.stamp(name)), read)


def _of_day(contract: Table, day: date, **values: Any) -> pa.Table:
    return home().of_day(contract, day, **values)


def _fixed(value: Any) -> Any:
    return tuple(value) if isinstance(value, list | tuple | set | frozenset) else value


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
