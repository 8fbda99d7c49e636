"""The judge server in a process of its own, with scripted faults, for as long as a block lasts."""

import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alignment_monitor.simulation.server.batches import AT_ONCE, BatchPlan
from alignment_monitor.simulation.server.faults import NO_FAULTS, NO_LATENCY, FaultPlan, Latency
from alignment_monitor.simulation.truth import add_labels

MODULE = "alignment_monitor.simulation.judge_server"


def prompt(text: str, index: int = 1) -> str:
    """The shortest user message that asks to judge a text."""
    return (
        f"<<ab M{index - 1} user>>\nIs it so?\n<<ab M{index} assistant>>\n{text}\n<<ab end>>\n"
        f"Judge message M{index}."
    )


def stats(base_url: str) -> dict[str, Any]:
    """What the server has counted."""
    with urllib.request.urlopen(f"{base_url.removesuffix('/v1')}/stats") as reply:
        return json.load(reply)


def log_lines(log: Path, count: int, seconds: float = 10) -> list[dict[str, Any]]:
    """The request log as soon as it has so many lines; each is written when its request ends."""
    until = time.monotonic() + seconds
    while True:
        lines = log.read_text().splitlines() if log.exists() else []
        if len(lines) >= count or time.monotonic() > until:
            return [json.loads(line) for line in lines]
        time.sleep(0.01)


@contextmanager
def running(
    truth: Path | None = None,
    *,
    faults: FaultPlan | str = NO_FAULTS,
    latency: Latency | str = NO_LATENCY,
    batch: BatchPlan | str = AT_ONCE,
    seed: int = 0,
    model: str | None = None,
    log: Path | None = None,
    state_folder: Path | None = None,
    port: int = 0,
) -> Iterator[str]:
    """Start the server on a free port and stop it; gives the base URL for a client.

    Without a truth file it knows no text, so that every answer is that nothing applies.
    """
    with tempfile.TemporaryDirectory() as folder:
        if truth is None:
            truth = Path(folder) / "truth.parquet"
            add_labels(truth, [])
        port_file = Path(folder) / "port"
        given = {
            "truth": truth,
            "port-file": port_file,
            "port": port,
            "seed": seed,
            "faults": faults,
            "latency": latency,
            "batch": batch,
            "model": model,
            "log": log,
            "state-folder": state_folder,
        }
        options = [f"--{name}={value}" for name, value in given.items() if value is not None]
        with (Path(folder) / "server.log").open("w+") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", MODULE, *options], stdout=output, stderr=output
            )
            try:
                yield f"http://127.0.0.1:{_port(process, port_file, output.name)}/v1"
            finally:
                process.terminate()
                process.wait(timeout=10)


def _port(process: "subprocess.Popen[bytes]", port_file: Path, log: str) -> str:
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        if port_file.exists():
            return port_file.read_text()
        time.sleep(0.01)
    raise RuntimeError(f"the server did not start: {Path(log).read_text()}")
