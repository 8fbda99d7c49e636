"""Reading what dbt built. Opened read-only and closed at once: DuckDB locks its file."""

import os
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd

from alignment_monitor.detection.traffic import FIRST, LATER


class WarehouseError(RuntimeError):
    """The warehouse cannot be read; the message says why and what to do."""


def user_days(
    warehouse: Path, first: date, last: date, behaviours: tuple[str, ...] | None = None
) -> pd.DataFrame:
    """Sufficient statistics per user and day, from first to last day.

    Args:
        warehouse: the DuckDB file.
        first: first day wanted.
        last: last day wanted.
        behaviours: only these questions; null: all.
    """
    query = "select * from int_user_days where day between ? and ?"
    values: list[object] = [first, last]
    if behaviours is not None:
        query += " and list_contains(?, behaviour)"
        values.append(list(behaviours))
    return read(warehouse, query, values)


def opportunity_days(warehouse: Path, last: date, flags: tuple[str, ...]) -> pd.DataFrame:
    """Sufficient statistics of opportunities per user and day, up to the last day.

    Args:
        warehouse: the DuckDB file.
        last: last day wanted.
        flags: only these opportunities.

    Returns:
        Rows as of ``user_days``; first and later turns are their segments, whatever the deployment.
    """
    query = """
        select
            day, deployment_family, '' as deployment, behaviour, rubric_version, panel, user_key,
            case when first_turn then $first else $later end as segment,
            n, n_o, n_y, sum_d, sum_do, sum_dy
        from int_opportunity_days
        where day <= $last and list_contains($flags, behaviour)
    """
    names = {"first": FIRST, "later": LATER}
    return read(warehouse, query, {**names, "last": last, "flags": list(flags)})


def bucket_sums(
    warehouse: Path, first: date, last: date, rubric_version: str, behaviours: tuple[str, ...]
) -> pd.DataFrame:
    """What was judged from first to last day, as sums that a sampling design learns from.

    Args:
        warehouse: the DuckDB file.
        first: first day wanted.
        last: last day wanted.
        rubric_version: other verdicts do not count.
        behaviours: only these questions.

    Returns:
        Family x segment x bucket of the message x behaviour with ``n``, ``n_o``, ``sum_d``,
        ``sum_do``, ``sum_dy``, summed in an order that is always the same.
    """
    query = """
        select
            deployment_family, segment, bucket, behaviour,
            count(*) as n,
            count(*) filter (o >= 0.5) as n_o,
            sum(d order by d) as sum_d,
            sum(d * o order by d * o) as sum_do,
            sum(d * y order by d * y) as sum_dy
        from int_judged_answers
        inner join (
            select day, conversation_id, message_index, bucket from stg_judging_sample
            where day between $first and $last
        ) using (day, conversation_id, message_index)
        where day between $first and $last
            and rubric_version = $rubric_version and list_contains($behaviours, behaviour)
        group by all
        order by all
    """
    values = {"first": first, "last": last, "rubric_version": rubric_version}
    return read(warehouse, query, {**values, "behaviours": list(behaviours)})


def family_user_days(warehouse: Path, family: str, first: date, last: date) -> pd.DataFrame:
    """Sufficient statistics of a family per day, deployment and user, over all segments."""
    query = """
        select
            day, deployment, behaviour, rubric_version, panel, user_key,
            sum(n)::bigint as n,
            sum(n_o)::bigint as n_o,
            sum(sum_d order by segment) as sum_d,
            sum(sum_do order by segment) as sum_do,
            sum(sum_dy order by segment) as sum_dy
        from int_user_days
        where deployment_family = ? and day between ? and ?
        group by all
    """
    return read(warehouse, query, [family, first, last])


def before_and_since(
    warehouse: Path, family: str, first: date, change_day: date, last: date
) -> pd.DataFrame:
    """Question x rubric x panel x user of a family: sums of before a day, and ``since`` it.

    Users of both sides have two rows, those of one side one.
    """
    query = """
        select
            behaviour, rubric_version, panel, user_key, day >= $change_day as since,
            sum(n_o)::bigint as n_o,
            sum(sum_do) as sum_do, -- in any order: told with four digits
            sum(sum_dy) as sum_dy
        from int_user_days
        where deployment_family = $family and day between $first and $last and n_o > 0
        group by all
    """
    values: dict[str, object] = {"family": family, "first": first, "last": last}
    return read(warehouse, query, {**values, "change_day": change_day})


def newest_day(warehouse: Path) -> date | None:
    """The last day with a judged message."""
    found = read(warehouse, "select max(day) as day from judged_messages", [])["day"].iloc[0]
    return None if pd.isna(found) else pd.Timestamp(found).date()


def opportunity_user_days(
    warehouse: Path, first: date, last: date, rubric_version: str, behaviours: tuple[str, ...]
) -> pd.DataFrame:
    """Sufficient statistics per user and day, with the opportunity in place of the segment.

    A message counts under each opportunity that its judges more likely saw than not.
    """
    query = """
        with offered as (
            select day, conversation_id, message_index, panel, behaviour as segment
            from int_judged_answers
            where day between $first and $last and rubric_version = $rubric_version
                and kind = 'opportunity' and y >= 0.5
        )
        select
            day, deployment_family, deployment, offered.segment, behaviour, rubric_version, panel,
            user_key,
            count(*) as n,
            count(*) filter (o >= 0.5) as n_o,
            sum(d order by d) as sum_d,
            sum(d * o order by d * o) as sum_do,
            sum(d * y order by d * y) as sum_dy
        from int_judged_answers
        inner join offered using (day, conversation_id, message_index, panel)
        where day between $first and $last and rubric_version = $rubric_version
            and list_contains($behaviours, behaviour)
        group by all
        order by all
    """
    values: dict[str, object] = {"first": first, "last": last, "rubric_version": rubric_version}
    return read(warehouse, query, {**values, "behaviours": list(behaviours)})


def baseline_segments(warehouse: Path, baseline_days: int) -> pd.DataFrame:
    """Day x family x behaviour x rubric x panel x segment: sums of each stream's baseline.

    Of each stream the first days with an opportunity, as many as make a baseline, and no others.
    """
    query = """
        with offered as (
            select distinct
                deployment_family, behaviour, rubric_version, panel, day,
                dense_rank() over (
                    partition by deployment_family, behaviour, rubric_version, panel order by day
                ) as number
            from int_cell_days
            where n_o > 0
        )
        select
            deployment_family, behaviour, rubric_version, panel, day, segment,
            sum(sum_do order by deployment, stratum) as sum_do,
            sum(sum_dy order by deployment, stratum) as sum_dy
        from int_cell_days
        inner join offered using (deployment_family, behaviour, rubric_version, panel, day)
        where number <= ?
        group by all
        order by all
    """
    return read(warehouse, query, [baseline_days])


def ledger(warehouse: Path, first: date, last: date) -> pd.DataFrame:
    """Day x level x state with counts, from the outcomes ledger."""
    query = "select * from ledger_daily where day between ? and ?"
    return read(warehouse, query, [first, last])


def read(
    warehouse: Path, query: str, values: list[object] | dict[str, object] | None = None
) -> pd.DataFrame:
    """Rows of a query.

    Raises:
        WarehouseError: no run made the warehouse yet, one is writing it, an older version built it,
            or its file is damaged or may not be read.
    """
    try:
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            return connection.execute(query, values).df()
    except duckdb.Error as error:
        if (why := _why_not(warehouse, error)) is None:
            raise
        raise WarehouseError(f"{warehouse} cannot be read: {why}") from error


_LOCKED = ("Could not set lock", "same database file with a different configuration")
_DAMAGED = (
    "not a valid DuckDB database file", "Could not read enough bytes", "Corrupt database file",
    "sqlite_scanner",
)  # fmt: skip
_BROKEN = (duckdb.SerializationException, duckdb.InternalException)


def _why_not(warehouse: Path, error: duckdb.Error) -> str | None:
    """What is wrong with the file, and what to do; null: nothing, the query is at fault.

    DuckDB has one class for a lock, a file that is none and one that ends too soon, and no class at
    all for a wrong checksum: only its words tell them apart.
    """
    if isinstance(error, duckdb.CatalogException):
        return "an older version built it: run a day, which adds what it lacks"
    if not warehouse.exists():
        return "no run made it yet"
    if any(words in str(error) for words in _LOCKED):
        return "a run is writing it: wait for its end"
    if not os.access(warehouse, os.R_OK):
        return "this user may not read it: change its owner or its mode"
    if isinstance(error, _BROKEN) or any(words in str(error) for words in _DAMAGED):
        return (
            "it is damaged, or not a DuckDB file: move it away, and the next run builds it anew "
            "from the lake"
        )
    return str(error) if isinstance(error, duckdb.IOException) else None
