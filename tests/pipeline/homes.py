"""Small homes for tests: the demo's own, with fewer days and conversations."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any
from unittest import mock

from click.testing import Result
from typer.testing import CliRunner

from alignment_monitor.resources.marts import Marts

SCRIPT = Path(sys.executable).with_name("alignment-monitor")
FIRST_DAY = date(2026, 1, 5)
DEMO_YAML = """\
sources:
  - {{kind: simulation, seed: {seed}, first_day: {first_day}, days: {days},
     conversations_per_day: {per_day}}}
first_day: {first_day}
sampling: {{messages_per_day: {judged}}}
judging:
  sentinels_per_day: 6
  canaries_per_day: 2
  judges:
    - {{name: simulated, provider: simulation, model: simulated-judge,
        api_key_variable: SIMULATED_JUDGE_KEY, simulated: true}}
"""


def write_demo(home: Path, *, days: int = 10, per_day: int = 60, judged: int = 40, seed: int = 9):
    home.mkdir(parents=True, exist_ok=True)
    (home / "monitor.yaml").write_text(
        DEMO_YAML.format(seed=seed, days=days, per_day=per_day, judged=judged, first_day=FIRST_DAY)
    )
    return home


def environment(**more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OPENAI_", "DAGSTER_"))}
    return {**kept, "ALIGNMENT_MONITOR_USER_KEY": "the same users in every home", **more}


def command(*words: str, home: Path, **more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [SCRIPT, *words, "--home", str(home)],
        env=environment(COLUMNS="200", **more),
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )


def demo(home: Path) -> "subprocess.CompletedProcess[str]":
    return command("demo", "--no-dashboard", home=home)


def killed_demo(home: Path, after: float) -> bool:
    """Start the demo and kill it without warning; whether it was still at work."""
    process = subprocess.Popen(
        [SCRIPT, "demo", "--no-dashboard", "--home", str(home)],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + after
    while time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.02)
    running = process.poll() is None
    if running:
        os.kill(process.pid, signal.SIGKILL)  # the process alone: its children must notice
        process.wait()
    return running


def row_tables(home: Path) -> dict[str, bytes]:
    lake = home / "lake"
    return {str(p.relative_to(lake)): p.read_bytes() for p in sorted(lake.rglob("part.parquet"))}


def invoke(*words: str, home: Path, **more: str) -> Result:
    """The same command in this process, where the graph is loaded once for many runs."""
    import alignment_monitor.definitions  # noqa: F401  # it extends PATH, which must stay
    from alignment_monitor.cli import app
    from alignment_monitor.cli.common import console

    with mock.patch.dict(os.environ, environment(**more), clear=True):
        console.width = 300  # what a test looks for is not broken into lines
        return CliRunner().invoke(app, [*words, "--home", str(home)])


@contextmanager
def ignorant_judge(folder: Path) -> Iterator[str]:
    """The simulated judge without any label; gives its address."""
    from alignment_monitor.operations.servers import judge_server
    from alignment_monitor.simulation.truth import add_labels

    add_labels(folder / "truth.parquet", [])
    with judge_server(folder / "truth.parquet", folder, seed=1) as address:
        yield address


def mart(home: Path, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = Marts(home / "marts").select(name).to_pylist()
    return rows


def estimates(home: Path) -> list[dict[str, Any]]:
    """What the mart holds of rates on the judge's scale, as users get them."""
    rows = mart(home, "estimates")
    return [row for row in rows if row["mode"] == "judge scale" and not row["standardised"]]


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]
