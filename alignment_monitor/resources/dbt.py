"""dbt in this process, through its own programmatic interface.

Here belong: how a dbt command is run and told where things lie. A process of its own, as
dagster-dbt starts one, imports everything anew: that costs more than a day's models.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage


class DbtError(Exception):
    """A dbt command failed; the message names the models and tests that did."""


def run_dbt(
    project: Path, target: Path, words: list[str], environment: dict[str, str]
) -> Iterator[DbtCoreCliEventMessage]:
    """Run a dbt command; gives its events in order once it has ended.

    Args:
        project: folder of the dbt project and its profile.
        target: folder for what dbt writes, its parsed project and its log among it.
        words: the command.
        environment: variables that the project reads.

    Raises:
        DbtError: after the events, if the command failed.
    """
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner
    from google.protobuf.json_format import MessageToDict

    events: list[dict[str, Any]] = []

    def keep(event: Any) -> None:
        events.append(MessageToDict(event, preserving_proto_field_name=True))

    os.environ.update(environment)
    folders = ["--project-dir", project, "--profiles-dir", project, "--target-path", target]
    folders += ["--log-path", target]
    try:
        result = dbtRunner(callbacks=[keep]).invoke([*words, "--quiet", *map(str, folders)])
    finally:
        # DuckDB hands an open instance to whoever opens the file next in this process.
        DuckDBConnectionManager.close_all_connections()
    for event in events:
        yield DbtCoreCliEventMessage(raw_event=event, event_history_metadata={})
    if not result.success:
        raise DbtError(_failure(result))


def _failure(result: Any) -> str:
    if result.exception:
        return f"dbt could not run: {type(result.exception).__name__}: {result.exception}"
    failed = [
        f"{node.node.name}: {(node.message or '').strip().splitlines()[0]}"
        for node in result.result
        if node.status in ("error", "fail")
    ]
    return "dbt failed on " + "; ".join(failed)
