"""The marks on the time line: what people wrote down, and what the data show by themselves.

Here belong: both as one table, and which mark is nearest to a change. Here does not belong: writing
one down (``store.annotations``).
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date
from typing import Any

import pandas as pd
import pyarrow as pa
from sqlalchemy import Engine, select

from alignment_monitor.contracts import ANNOTATIONS
from alignment_monitor.parquet import write_parquet
from alignment_monitor.resources import served
from alignment_monitor.resources.marts import Marts
from alignment_monitor.resources.parts import UnreadableError
from alignment_monitor.resources.warehouse import WarehouseError
from alignment_monitor.settings import Settings
from alignment_monitor.statistics.sentinel_adjusted import JOINT
from alignment_monitor.store import schema

NEAR_DAYS = 7

Row = Mapping[str, Any]


def all_annotations(settings: Settings, store: Engine) -> pa.Table:
    """Marks of people and of the data, as pages read them.

    Raises:
        WarehouseError: what dbt built cannot be read.
    """
    path = settings.warehouse
    found = detected(served.deployments(path), served.first_days(path))
    return ANNOTATIONS.table([*marked(store), *found])


def write_annotations(settings: Settings, store: Engine) -> None:
    """Write the mart; while a run has the warehouse, or none made one, what was seen stays.

    Of a damaged mart nothing can stay: the next run sees it again.
    """
    try:
        table = all_annotations(settings, store)
    except WarehouseError:
        seen: list[dict[str, Any]] = []
        with suppress(UnreadableError):
            seen = Marts(settings.marts).select(ANNOTATIONS.name, detected=True).to_pylist()
        table = ANNOTATIONS.table([*marked(store), *seen])
    write_parquet(table, settings.marts / f"{ANNOTATIONS.name}.parquet")


def marked(store: Engine) -> list[dict[str, Any]]:
    """What people wrote down, by day."""
    table = schema.annotations
    query = select(table).order_by(table.c.day, table.c.annotation_id)
    with store.connect() as connection:
        rows = connection.execute(query).mappings().all()
    return [
        {name: value for name, value in row.items() if name != "recorded_on"} | {"detected": False}
        for row in rows
    ]


def detected(deployments: pd.DataFrame, first_days: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """First days of deployments, and of rubrics and judges that came after a family's first day.

    A rubric's new wording makes every judge a new one; where both begin together the rubric alone
    is marked.

    Args:
        deployments: deployment_family, deployment and first_day.
        first_days: ``served.first_days``.
    """
    for family, label, day in _rows(deployments, "deployment_family", "deployment", "first_day"):
        yield _mark(day, "deployment", label, "", family)
    later = first_days[first_days["first_day"] > first_days["family_day"]]
    begun: dict[tuple[str, str, str], date] = {}
    names = ("deployment_family", "rubric_version", "panel", "first_day")
    for family, version, panel, day in _rows(first_days, *names):
        for kind, name in (("rubric", version), *(("judge", one) for one in panel.split(JOINT))):
            key = (family, kind, name)
            begun[key] = min(day, begun.get(key, day))
    changes = {(family, day) for family, _, _, day in _rows(later, *names)}
    for (family, kind, name), day in sorted(begun.items()):
        if (family, day) not in changes:
            continue
        if kind == "rubric":
            yield _mark(day, kind, name.rpartition("-")[0] or name, name, family)
        elif not any(
            other == family and what == "rubric" and when == day
            for (other, what, _), when in begun.items()
        ):
            yield _mark(day, kind, _model(name), name, family)


def deployed(settings: Settings, store: Engine) -> dict[str, list[date]]:
    """Days by family on which another deployment took over, as seen or as people wrote down.

    Raises:
        WarehouseError: what dbt built cannot be read.
    """
    seen = served.takeovers(settings.warehouse)
    told = [row for row in marked(store) if row["kind"] == "deployment"]
    days = [*_rows(seen, "deployment_family", "day")]
    days += [(row["deployment_family"], row["day"]) for row in told]
    families = set(served.deployments(settings.warehouse)["deployment_family"])
    return {
        family: sorted({day for whose, day in days if whose in (None, family)})
        for family in families
    }


def nearest(rows: Iterable[Row], family: str, day: date) -> dict[str, Any] | None:
    """The mark nearest to a day, within a week of it; deployments have a place of their own.

    Of marks at the same distance that of a person comes first.
    """
    near = [
        (abs((row["day"] - day).days), row["detected"], row["kind"], row["label"], row)
        for row in rows
        if row["deployment_family"] in (None, family)
        and abs((row["day"] - day).days) <= NEAR_DAYS
        and not (row["detected"] and row["kind"] == "deployment")
    ]
    if not near:
        return None
    row = min(near, key=lambda one: one[:4])[4]
    names = ("day", "kind", "label", "details", "deployment_family", "detected")
    return {name: row[name] for name in names}


def _rows(frame: pd.DataFrame, *names: str) -> Iterator[tuple[Any, ...]]:
    """Rows as tuples, with days as dates."""
    for row in frame[list(names)].itertuples(index=False):
        pairs = zip(names, row, strict=True)
        yield tuple(pd.Timestamp(v).date() if name.endswith("day") else v for name, v in pairs)


def _model(fingerprint: str) -> str:
    """The model of a fingerprint: provider/model/endpoint/hash, where a model may hold slashes."""
    parts = fingerprint.split("/")
    return "/".join(parts[1:-2]) if len(parts) > 3 else fingerprint


def _mark(day: date, kind: str, label: str, details: str, family: str) -> dict[str, Any]:
    whole = "/".join(["detected", str(day), kind, label, details, family])
    return {
        "annotation_id": hashlib.blake2b(whole.encode(), digest_size=8).hexdigest(),
        "day": day,
        "kind": kind,
        "label": label,
        "details": details,
        "deployment_family": family,
        "detected": True,
    }
