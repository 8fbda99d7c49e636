"""Which deployments a family had, and when something about it became another one.

Here belongs: reading that from what dbt built. Here does not belong: what follows from it
(``annotations``), or the statistics of a deployment (``warehouse``).
"""

from pathlib import Path

import pandas as pd

from alignment_monitor.resources.warehouse import read


def deployments(warehouse: Path) -> pd.DataFrame:
    """Each deployment with its first and last day."""
    return read(warehouse, "select * from deployments")


CLEAR = 3.0
"""Standard errors of an even split by which the leader must be ahead of the next deployment."""


def takeovers(warehouse: Path) -> pd.DataFrame:
    """Family and day on which another deployment than before clearly has most conversations.

    So a return to an earlier deployment is seen too, which is no first day of any. A day on which
    the first two are closer than chance explains has no leader, so an experiment that splits users
    evenly takes nothing over, however the days fall out. With counts a > b that is
    a - b < CLEAR sqrt(a + b), from the normal approximation of a binomial with even odds.
    """
    query = """
        with ranked as (
            select
                deployment_family, day, deployment, conversations,
                coalesce(lead(conversations) over by_size, 0) as next_one,
                row_number() over by_size as place
            from int_deployment_days
            window by_size as (
                partition by deployment_family, day order by conversations desc, deployment
            )
        )
        select deployment_family, day
        from ranked
        where
            place = 1
            and conversations - next_one >= ? * sqrt(conversations + next_one)
        qualify deployment <> lag(deployment) over (partition by deployment_family order by day)
        order by all
    """
    return read(warehouse, query, [CLEAR])


def first_days(warehouse: Path) -> pd.DataFrame:
    """Family x rubric version x panel with its first day, and that of the family."""
    query = """
        select
            deployment_family, rubric_version, panel, min(day) as first_day,
            min(min(day)) over (partition by deployment_family) as family_day
        from int_user_days
        group by deployment_family, rubric_version, panel
        order by all
    """
    return read(warehouse, query)
