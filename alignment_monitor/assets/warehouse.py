"""dbt: verdicts become facts, the outcomes ledger and sufficient statistics.

Here belong: where dbt finds its project and its files, and how its models join the graph.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtProject, dbt_assets

from alignment_monitor.assets.shared import OWNERS
from alignment_monitor.contracts import JUDGED_MESSAGES
from alignment_monitor.resources.dbt import run_dbt
from alignment_monitor.resources.marts import Marts
from alignment_monitor.resources.monitor import Monitor

_RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


def prepared_project() -> DbtProject:
    """The dbt project, parsed if it never was or has changed since, as after an update."""
    project = DbtProject(Path(__file__).resolve().parents[2] / "dbt_project")
    project.prepare_if_dev()
    if _outdated(project):
        project.preparer.prepare(project)
    return project


def _outdated(project: DbtProject) -> bool:
    if not project.manifest_path.exists():
        return True
    parsed = project.manifest_path.stat().st_mtime
    parts = (project.project_dir / name for name in ("models", "macros", "tests"))
    files = (file for part in parts for file in part.rglob("*"))
    return any(file.stat().st_mtime > parsed for file in files)


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


@dbt_assets(
    manifest=project.manifest_path, project=project, dagster_dbt_translator=ByLayer(), name="dbt"
)
def warehouse(context: dg.AssetExecutionContext, monitor: Monitor) -> Iterator[Any]:
    """Build models and their tests for the days of the run; a failed test stops what follows."""
    tags = context.run.tags
    if _RANGE[0] in tags:
        first, last = (tags[name] for name in _RANGE)
    else:
        first = last = tags["dagster/partition"]
    settings = monitor.settings
    marts = Marts(settings.marts)
    (settings.marts / JUDGED_MESSAGES.name).mkdir(parents=True, exist_ok=True)
    target = settings.home / "dbt"
    events = run_dbt(
        project.project_dir,
        target,
        ["build", "--exclude-resource-type", "unit_test"],
        {
            "ALIGNMENT_MONITOR_LAKE": str(settings.lake),
            "ALIGNMENT_MONITOR_MARTS": str(settings.marts),
            "ALIGNMENT_MONITOR_WAREHOUSE": str(settings.warehouse),
            "ALIGNMENT_MONITOR_FROM_DAY": first,
            "ALIGNMENT_MONITOR_TO_DAY": last,
        },
    )
    for event in events:
        yield from event.to_default_asset_events(
            manifest=project.manifest_path,
            dagster_dbt_translator=ByLayer(),
            context=context,
            target_path=target,
            project=project,
        )
    marts.retire(JUDGED_MESSAGES.name)
