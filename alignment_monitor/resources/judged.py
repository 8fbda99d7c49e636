"""Judged messages one by one, read from the warehouse.

Here belongs: which messages were judged and what of them, as stored. Here does not belong: sums of
them (warehouse), or what people say of them (gold).
"""

from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

import pandas as pd

from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.resources import warehouse


def judged_answers(path: Path, days: Iterable[date], rubric: Rubric) -> pd.DataFrame:
    """Judged messages x behaviours of some days, under one version of a rubric.

    Args:
        path: the warehouse, a DuckDB file.
        days: those wanted.
        rubric: verdicts on others do not count; its headline series part the label queue.

    Returns:
        Rows with ``queue_stratum``, as ``sampling.gold.JudgedMessage.stratum`` tells it; null where
        not every judge of the day answered.
    """
    query = """
        with said as (
            select
                day, conversation_id, message_index, judge, status,
                list_sort(list_intersect(flagged, $headline)) as charted,
                len(opportunities) > 0 as offered
            from judged_messages
            where day in (select unnest($days)) and rubric_version = $rubric_version
        ),

        panels as (select day, count(distinct judge) as judges from said group by day),

        strata as (
            select
                day, conversation_id, message_index,
                case
                    when max(len(charted)) > 0 then 'positive'
                    when bool_or(offered) then 'negative'
                    else 'no_opportunity'
                end
                || if(count(distinct (charted, offered)) > 1, '|split', '|agreed') as queue_stratum
            from said
            inner join panels using (day)
            where status = 'ok'
            group by day, conversation_id, message_index, judges
            having count(*) = judges
        )

        select
            day, conversation_id, message_index, deployment_family, segment, behaviour,
            rubric_version, panel, user_key, o, y, d, queue_stratum
        from int_judged_answers
        left join strata using (day, conversation_id, message_index)
        where day in (select unnest($days)) and rubric_version = $rubric_version
        order by all
    """
    asked = {"days": list(days), "headline": list(rubric.headline)}
    return warehouse.read(path, query, {**asked, "rubric_version": rubric.full_version})


def judged_messages(path: Path, first: date, last: date, rubric_version: str) -> pd.DataFrame:
    """Judged messages x judges from first to last day, of all days that there are."""
    query = """
        select
            day, conversation_id, message_index, inclusion_probability, judge, status,
            opportunities, flagged
        from judged_messages
        where day between ? and ? and rubric_version = ?
    """
    return warehouse.read(path, query, [first, last, rubric_version])


def flagged_messages(
    path: Path, first: date, last: date, rubric_version: str, behaviours: tuple[str, ...],
    most: int,
) -> pd.DataFrame:  # fmt: skip
    """Messages that showed a behaviour from first to last day, and over as many days before.

    Args:
        path: the warehouse, a DuckDB file.
        first: first day of the recent window.
        last: its last day.
        rubric_version: other verdicts do not count.
        behaviours: any of these questions.
        most: of a family in a window, drawn by a hash of their names.

    Returns:
        day, conversation_id, message_index, deployment_family, user_key, d (how many it stands
        for), is_recent and ``flagged``, the number of such messages in the family's window.
    """
    query = """
        with found as (
            select distinct
                day, conversation_id, message_index, deployment_family, user_key, d,
                day >= $first as is_recent
            from int_judged_answers
            where day between $earliest and $last and rubric_version = $rubric_version
                and list_contains($behaviours, behaviour) and y >= 0.5
        )
        select
            *,
            count(*) over (partition by deployment_family, is_recent) as flagged
        from found
        qualify row_number() over (
            partition by deployment_family, is_recent
            order by md5(conversation_id || '/' || message_index), day
        ) <= $most
        order by all
    """
    values: dict[str, object] = {"first": first, "last": last, "most": most}
    values |= {"rubric_version": rubric_version, "behaviours": list(behaviours)}
    values["earliest"] = first - (last - first) - timedelta(days=1)
    return warehouse.read(path, query, values)
