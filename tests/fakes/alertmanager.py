"""A real Alertmanager on a free port, where Debian's package of it is installed."""

import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
MISSING = "Alertmanager is missing: install the package 'prometheus-alertmanager'"
CONFIGURATION = """\
route: {receiver: nobody}
receivers: [{name: nobody}]
"""


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """Serve until the end of the block; yields its address."""
    assert PROGRAM is not None, MISSING
    (folder / "alertmanager.yml").write_text(CONFIGURATION)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [
        PROGRAM,
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        "--log.level=error",
    ]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(url, process, folder / "log")
        yield url
    finally:
        process.terminate()
        process.wait(20)


def alerts(url: str) -> list[dict[str, Any]]:
    """What it holds to be there now."""
    with urllib.request.urlopen(f"{url}/api/v2/alerts", timeout=10) as answer:
        return json.load(answer)


def _wait(url: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            alerts(url)
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(log.read_text())
