"""dbt: verdicts become facts, the outcomes ledger and sufficient statistics.

Here belong: where dbt finds its project and its files, and how its models join the graph.
"""

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtCliResource, DbtProject, dbt_assets

from alignment_monitor.assets.shared import OWNERS
from alignment_monitor.resources.monitor import Monitor
from alignment_monitor.settings import Settings

_RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


def prepared_project() -> DbtProject:
    """The dbt project, parsed once if it never was."""
    project = DbtProject(Path(__file__).resolve().parents[2] / "dbt_project")
    project.prepare_if_dev()
    if not project.manifest_path.exists():
        project.preparer.prepare(project)
    return project


# dbt stands beside Python, which is on PATH only where the environment was activated.
_SCRIPTS = str(Path(sys.executable).parent)
os.environ["PATH"] = os.pathsep.join((_SCRIPTS, os.environ.get("PATH", "")))
project = prepared_project()


class ByLayer(DagsterDbtTranslator):
    """Groups the models by their layer, in the order data flows."""

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """staging, intermediate or marts."""
        path = dbt_resource_props["fqn"]
        return path[1] if len(path) > 2 else "dbt"

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> list[str]:
        """The same owner as the rest of the graph."""
        return OWNERS


def dbt_environment(settings: Settings, first: date, last: date) -> dict[str, str]:
    """What dbt is told: where things lie, and which days are new."""
    settings.marts.mkdir(parents=True, exist_ok=True)
    return {
        "ALIGNMENT_MONITOR_LAKE": str(settings.lake),
        "ALIGNMENT_MONITOR_MARTS": str(settings.marts),
        "ALIGNMENT_MONITOR_WAREHOUSE": str(settings.warehouse),
        "ALIGNMENT_MONITOR_FROM_DAY": first.isoformat(),
        "ALIGNMENT_MONITOR_TO_DAY": last.isoformat(),
    }


@dbt_assets(
    manifest=project.manifest_path, project=project, dagster_dbt_translator=ByLayer(), name="dbt"
)
def warehouse(
    context: dg.AssetExecutionContext, dbt: DbtCliResource, monitor: Monitor
) -> Iterator[Any]:
    """Build models and their tests for the days of the run; a failed test stops what follows."""
    tags = context.run.tags
    if _RANGE[0] in tags:
        first, last = (date.fromisoformat(tags[name]) for name in _RANGE)
    else:
        first = last = date.fromisoformat(tags["dagster/partition"])
    os.environ.update(dbt_environment(monitor.settings, first, last))
    command = ["build", "--exclude-resource-type", "unit_test"]
    # The library repeats every line of dbt on stdout; each is an event of the run anyway.
    with (monitor.settings.home / "dbt.log").open("w") as log, contextlib.redirect_stdout(log):
        yield from dbt.cli(command, context=context).stream()
