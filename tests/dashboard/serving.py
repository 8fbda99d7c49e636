"""The dashboard as it is served, and the browser that looks at it."""

import os
import re
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from alignment_monitor.operations.servers import dashboard_command
from alignment_monitor.settings import HOME_VARIABLE, load
from tests.pipeline.homes import closed_port

APP = Path(__file__).resolve().parents[2] / "dashboards" / "app.py"
VIEWS = tuple(re.findall(r'st\.Page\(\s*"(views/\w+\.py)"', APP.read_text(encoding="utf-8")))
"""The pages of the navigation, the first page first."""
PATHS = ("/", *(f"/{Path(view).stem}" for view in VIEWS[1:]))
"""Their addresses."""
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
)  # fmt: skip
IN_CHROMIUM = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is missing: install chromium"),
]


@contextmanager
def serve(home: Path, port: int | None = None) -> Iterator[str]:
    """Serve the dashboard of a home as the command does; gives its address."""
    port = port or free_port()
    server = start(home, port)
    try:
        until_healthy(port)
        yield f"http://localhost:{port}"
    finally:
        server.terminate()
        server.wait(timeout=10)


def free_port() -> int:
    """A port that nobody listens at."""
    return closed_port()


def start(home: Path, port: int) -> subprocess.Popen[bytes]:
    """Start the server of a home; whoever calls must end it."""
    return subprocess.Popen(
        dashboard_command(load(home), port, "localhost"),
        env={**os.environ, HOME_VARIABLE: str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def until_healthy(port: int) -> None:
    """Wait for the server to answer; half a minute at most."""
    for _ in range(150):
        try:
            urllib.request.urlopen(f"http://localhost:{port}/_stcore/health", timeout=1).close()
            return
        except OSError:
            time.sleep(0.2)


def settled(page: Any) -> None:
    """Wait until what was just done has been drawn: a form that is open meanwhile is lost."""
    page.wait_for_timeout(400)
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
