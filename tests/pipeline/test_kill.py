"""Killed at any instant and started again: nothing lost, nothing doubled, nothing bought twice."""

import json
import os
import random
import time
from collections import Counter

import pytest

from tests.pipeline import homes

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("kill")]
KILLS = int(os.environ.get("KILLS", "2"))
IN_FLIGHT = 16


def test_a_run_that_is_killed_ends_like_one_that_is_not(tmp_path):
    calm, disturbed = (homes.write_demo(tmp_path / name, days=6) for name in ("calm", "disturbed"))
    began = time.monotonic()
    assert homes.demo(calm).returncode == 0
    length = time.monotonic() - began
    chance = random.Random(os.environ.get("KILL_SEED", "1"))
    killed = [
        homes.killed_demo(disturbed, chance.uniform(0.2, 0.95) * length) for _ in range(KILLS)
    ]
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
