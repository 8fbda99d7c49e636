"""Killed at any instant and started again: nothing lost, nothing doubled, nothing bought twice."""

import json
import os
import random
import subprocess
import time
import uuid
from collections import Counter

import dagster as dg
import pytest

from tests.pipeline import homes

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("kill")]
KILLS = int(os.environ.get("KILLS", "2"))
IN_FLIGHT = 16


def test_a_run_whose_process_is_gone_holds_up_nobody(tmp_path):
    from alignment_monitor.operations.pipeline import PROCESS_TAG, end_dead_runs

    gone = subprocess.Popen(["true"])
    gone.wait()
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        runs = {
            name: instance.add_run(
                dg.DagsterRun(job_name="j", run_id=str(uuid.uuid4()), status=started, tags=tags)
            ).run_id
            for name, started, tags in (
                ("dead", dg.DagsterRunStatus.STARTED, {PROCESS_TAG: str(gone.pid)}),
                ("alive", dg.DagsterRunStatus.STARTED, {PROCESS_TAG: str(os.getpid())}),
                ("daemon", dg.DagsterRunStatus.STARTED, {}),
            )
        }

        def failed():
            return {n for n, r in runs.items() if instance.get_run_by_id(r).is_failure_or_canceled}

        assert end_dead_runs(instance, ours_alone=True) == 1
        assert failed() == {"dead"}
        assert end_dead_runs(instance, ours_alone=False) == 1
        assert failed() == {"dead", "daemon"}


def test_a_run_that_is_killed_ends_like_one_that_is_not(tmp_path):
    calm, disturbed = (homes.write_demo(tmp_path / name, days=6) for name in ("calm", "disturbed"))
    began = time.monotonic()
    assert homes.demo(calm).returncode == 0
    length = time.monotonic() - began
    chance = random.Random(os.environ.get("KILL_SEED", "1"))
    killed = [homes.killed_demo(disturbed, chance.uniform(0.1, 0.5) * length) for _ in range(KILLS)]
    assert any(killed)
    result = homes.demo(disturbed)
    assert result.returncode == 0, result.stdout + result.stderr
    calm_rows, disturbed_rows = homes.row_tables(calm), homes.row_tables(disturbed)
    assert calm_rows.keys() == disturbed_rows.keys()
    assert [name for name, data in calm_rows.items() if disturbed_rows[name] != data] == []

    def asked(home):
        lines = (home / "judge" / "requests.jsonl").read_text().splitlines()
        return Counter(json.loads(line)["key"] for line in lines)

    assert asked(disturbed).keys() == asked(calm).keys()
    repeated = sum((asked(disturbed) - asked(calm)).values())
    print(f"{sum(killed)} kills, {sum(asked(calm).values())} calls, {repeated} repeated")
    assert repeated <= IN_FLIGHT * sum(killed)
