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


def takeovers(warehouse: Path) -> pd.DataFrame:
    """Family and day on which another deployment than before has most of its conversations.

    So a return to an earlier deployment is seen too, which is no first day of any.
    """
    query = """
        with most as (
            select
                deployment_family, day,
                arg_max(deployment, (conversations, deployment)) as deployment
            from int_deployment_days
            group by deployment_family, day
        )
        select deployment_family, day
        from most
        qualify deployment <> lag(deployment) over (partition by deployment_family order by day)
        order by all
    """
    return read(warehouse, query)


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
