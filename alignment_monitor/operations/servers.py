"""Processes that a command starts beside itself: judge server, dashboard, scheduler."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from alignment_monitor.dashboard_settings import refusal, sign_in_problem
from alignment_monitor.settings import HOME_VARIABLE, Settings

REPOSITORY = Path(__file__).resolve().parents[2]
DASHBOARD = REPOSITORY / "dashboards" / "app.py"


class ServerError(Exception):
    """A server did not start; the message says where its log is."""


@contextmanager
def judge_server(truth: Path, folder: Path, *, seed: int) -> Iterator[str]:
    """The simulated judge on a free port, for as long as the block lasts; gives its address."""
    folder.mkdir(parents=True, exist_ok=True)
    port_file, log = folder / "port", folder / "server.log"
    port_file.unlink(missing_ok=True)
    command = [
        sys.executable, "-m", "alignment_monitor.simulation.judge_server",
        "--truth", str(truth), "--port-file", str(port_file),
        "--seed", str(seed), "--log", str(folder / "requests.jsonl"),
    ]  # fmt: skip
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        _wait_for(lambda: port_file.exists() and port_file.read_text().strip(), process, log)
        yield f"http://127.0.0.1:{port_file.read_text().strip()}/v1"
    finally:
        process.terminate()
        process.wait(timeout=10)


def dashboard_command(settings: Settings, port: int, address: str | None = None) -> list[str]:
    """The command that serves the dashboard, by default where the settings say.

    Raises:
        ServerError: sign-in is set up wrongly, or not at all where others reach the address.
    """
    where = settings.dashboard.address if address is None else address
    problem = sign_in_problem(settings.secrets) or refusal(
        settings.dashboard, where, sign_in=settings.secrets.exists()
    )
    if problem:
        raise ServerError(problem)
    return [
        sys.executable, "-m", "alignment_monitor.operations.streamlit_server", "run",
        str(DASHBOARD),
        "--server.port", str(port), "--server.address", where, "--server.headless", "true",
        "--browser.gatherUsageStats", "false", "--secrets.files", str(settings.secrets),
    ]  # fmt: skip


def start_dashboard(settings: Settings, port: int = 8501) -> str:
    """The dashboard in the background, once; gives its address."""
    state = settings.home / "dashboard.json"
    if running := _running(state):
        return running
    port = free_port(port)
    log = settings.home / "dashboard.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            dashboard_command(settings, port, "127.0.0.1"),
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            env={**os.environ, HOME_VARIABLE: str(settings.home)},
            cwd=DASHBOARD.parent,
            start_new_session=True,
        )
    address = f"http://localhost:{port}"
    _wait_for(lambda: _healthy(port), process, log)
    state.write_text(json.dumps({"pid": process.pid, "port": port, "address": address}))
    return address


def stop_dashboard(settings: Settings) -> bool:
    """Stop the dashboard that runs in the background, if one does."""
    state = settings.home / "dashboard.json"
    if not _running(state):
        return False
    with suppress(ProcessLookupError):
        os.kill(json.loads(state.read_text())["pid"], signal.SIGTERM)
    state.unlink()
    return True


def everything(
    settings: Settings, port: int, dagster_port: int, address: str | None = None
) -> list[list[str]]:
    """The commands of ``up``: daemon with its schedules on, Dagster's pages, dashboard.

    Raises:
        ServerError: as ``dashboard_command``.
    """
    os.environ["ALIGNMENT_MONITOR_SCHEDULES"] = "on"
    folder = Path(sys.executable).parent
    module = ["-m", "alignment_monitor.definitions"]
    return [
        [str(folder / "dagster-daemon"), "run", *module],
        [str(folder / "dagster-webserver"), *module, "-h", "127.0.0.1", "-p", str(dagster_port)],
        dashboard_command(settings, port, address),
    ]


def free_port(wanted: int) -> int:
    """The wanted port, or the next one above it that nobody uses."""
    for port in range(wanted, wanted + 100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
    raise ServerError(f"no free port from {wanted} to {wanted + 99}")


def run_together(commands: list[list[str]], grace_seconds: float = 30) -> int:
    """Run commands side by side until one ends or we are told to stop; then stop all.

    Args:
        commands: program and arguments of each.
        grace_seconds: how long one may take to end after SIGTERM before it is killed.

    Returns:
        The largest exit code or number of a signal that ended one.
    """
    processes = [subprocess.Popen(command) for command in commands]

    def stop(*_: object) -> None:
        for process in processes:
            process.terminate()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    while all(process.poll() is None for process in processes):
        time.sleep(0.5)
    stop()
    until = time.monotonic() + grace_seconds
    return max(abs(_ended(process, until)) for process in processes)


def _ended(process: "subprocess.Popen[bytes]", until: float) -> int:
    try:
        return process.wait(timeout=max(0.0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _running(state: Path) -> str | None:
    if not state.exists():
        return None
    known = json.loads(state.read_text())
    try:
        os.kill(known["pid"], 0)
    except OSError:  # gone, or its number is another's by now
        return None
    return str(known["address"]) if _healthy(known["port"]) else None


def _healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{port}/_stcore/health", timeout=2
        ) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def _wait_for(ready: Callable[[], object], process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        if ready():
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    process.terminate()
    raise ServerError(f"a server did not start; its log is {log}")
