"""Days of a model that begins to agree without warrant, and the graph after its verdicts."""

from pathlib import Path
from unittest import mock

import dagster as dg

from tests.pipeline import homes
from tests.pipeline.lake_factory import FIRST, Talk

BASELINE = 14
MADE_HERE = {
    "intake", "conversations", "quarantine", "screenings", "judging_sample", "verdicts",
    "transcripts", "sampling_design",
}  # fmt: skip
"""What the days of these homes are written by, in place of a run."""

YAML = f"""\
first_day: {FIRST}
detection: {{baseline_days: {BASELINE}, behaviours: [unwarranted_agreement, substance]}}
judging: {{sentinels_per_day: 0, canaries_per_day: 0}}
"""


def talks(number: int, *, drifted: bool) -> list[Talk]:
    """Forty exchanges by as many users; a tenth agrees without warrant, or most do."""
    agreeing = 32 if drifted else 4
    return [
        Talk(f"{number}-{n}", user=f"user-{number}-{n}", levels=(3 if n < agreeing else 0,))
        for n in range(40)
    ]


def chatter(number: int) -> list[Talk]:
    """Twenty exchanges in which nobody claims anything: claims become rarer by a third."""
    return [
        Talk(f"{number}-chat-{n}", user=f"chatter-{number}-{n}", present=(False,), levels=(0,))
        for n in range(20)
    ]


def run_graph(home: Path, first: object, last: object, made: set[str]) -> None:
    """Materialise a range of days, but for what was made already."""
    from alignment_monitor.definitions import defs

    job = defs.resolve_job_def("daily_monitoring")
    keys = job.asset_layer.executable_asset_keys
    wanted = [key for key in keys if key.to_user_string() not in made]
    tags = {
        "dagster/asset_partition_range_start": str(first),
        "dagster/asset_partition_range_end": str(last),
    }
    variables = homes.environment(ALIGNMENT_MONITOR_HOME=str(home))
    with mock.patch.dict("os.environ", variables), dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(instance=instance, tags=tags, asset_selection=wanted)
    assert result.success
