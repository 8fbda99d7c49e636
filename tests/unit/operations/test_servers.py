import os
import signal
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from alignment_monitor.operations import servers
from alignment_monitor.settings import Settings
from tests.pipeline.homes import closed_port


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path)


def answers(address):
    try:
        return urllib.request.urlopen(address, timeout=2).status == 200
    except OSError:
        return False


def test_the_next_free_port_is_taken():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert servers.free_port(port) > port
    assert servers.free_port(port) == port


def test_the_dashboard_is_started_once_and_stopped(settings):
    assert servers.stop_dashboard(settings) is False
    address = servers.start_dashboard(settings, closed_port())
    try:
        assert answers(address)
        assert servers.start_dashboard(settings, 1) == address
    finally:
        assert servers.stop_dashboard(settings) is True
    until = time.monotonic() + 10
    while answers(address) and time.monotonic() < until:
        time.sleep(0.05)
    assert not answers(address)
    assert servers.stop_dashboard(settings) is False


def test_a_judge_that_cannot_start_names_its_log(tmp_path):
    with (
        pytest.raises(servers.ServerError, match=r"server\.log"),
        servers.judge_server(tmp_path / "nobody.parquet", tmp_path / "judge", seed=1),
    ):
        pass
    assert "nobody.parquet" in (tmp_path / "judge" / "server.log").read_text()


def test_up_runs_daemon_pages_and_dashboard_with_schedules_on(monkeypatch, tmp_path):
    monkeypatch.delenv("ALIGNMENT_MONITOR_SCHEDULES", raising=False)
    daemon, pages, dashboard = servers.everything(Settings(home=tmp_path), 8501, 3000)
    assert os.environ["ALIGNMENT_MONITOR_SCHEDULES"] == "on"
    assert all(Path(command[0]).exists() for command in (daemon, pages, dashboard))
    assert daemon[1:] == ["run", "-m", "alignment_monitor.definitions"]
    assert pages[-4:] == ["-h", "127.0.0.1", "-p", "3000"]
    assert dashboard[dashboard.index("--server.address") + 1] == "127.0.0.1"


@pytest.fixture
def kept_handlers():
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"


@pytest.mark.usefixtures("kept_handlers")
@pytest.mark.parametrize(
    ("other", "codes"), [("import time; time.sleep(60)", (3, 9, 15)), (STUBBORN, (9, 15))]
)
def test_together_means_until_one_ends(other, codes):
    began = time.monotonic()
    programs = "import sys, time; time.sleep(1); sys.exit(3)", other
    commands = [[sys.executable, "-c", program] for program in programs]
    assert servers.run_together(commands, grace_seconds=3) in codes
    assert time.monotonic() - began < 20
