"""The dashboard served, and looked at in real Chromium with a clock: for dashboard_speed.

Here does not belong: which pages are looked at, or what is done on them.
"""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from alignment_monitor.settings import HOME_VARIABLE
from benchmarks.common import FOLDER

APP = FOLDER.parent / "dashboards" / "app.py"
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage")
LIMIT_MS = 60_000
QUIET_MS = 150
"""So long nothing must change in the page until it counts as whole; not part of the time."""


class Timed(NamedTuple):
    """One look: seconds by the clock, and of the processor in the server and in the browser."""

    seconds: float
    server: float
    browser: float


class Server:
    """The dashboard of a home, in a process of its own."""

    def __init__(self, home: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.address = f"http://localhost:{port}"
        server = "alignment_monitor.operations.streamlit_server"
        command = [sys.executable, "-m", server, "run", str(APP), "--server.port", str(port)]
        self._process = subprocess.Popen(
            command,
            env={**os.environ, HOME_VARIABLE: str(home)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.pid = self._process.pid
        self._told = Path(f"/proc/{self.pid}")
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{self.address}/_stcore/health", timeout=1).close()
                break
            except OSError:
                time.sleep(0.2)

    def cpu(self) -> float:
        """Processor seconds so far."""
        user, system = (self._told / "stat").read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """Resident MiB."""
        pages = int((self._told / "statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(timeout=20)


@contextmanager
def served(home: Path) -> Iterator[Server]:
    """A server as long as it is needed."""
    server = Server(home)
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def chromium() -> Iterator[Any]:
    """A real browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        yield browser
        browser.close()


WATCH = """
() => {
  window.amLast = performance.now();
  window.amRuns = 0;
  new MutationObserver(changes => {
    window.amLast = performance.now();
    for (const { target, attributeName } of changes) {
      if (attributeName === 'data-test-script-state'
          && target.getAttribute(attributeName) === 'running') window.amRuns += 1;
    }
  })
    .observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
}
"""
WHOLE = """
quiet => {
  const app = document.querySelector('[data-testid=stApp]');
  const state = app && app.getAttribute('data-test-script-state');
  const stale = document.querySelector('[data-stale=true], [data-testid=stSkeleton]');
  const shown = document.querySelector('.am:not(.am-banner)');
  const bare = [...document.querySelectorAll('[data-testid=stVegaLiteChart]')]
    .some(one => !one.querySelector('canvas, svg'));
  return state === 'notRunning' && !stale && shown && !bare
    && performance.now() - window.amLast > quiet;
}
"""


def watched(browser: Any) -> Any:
    """A page of a desktop's size that notes when it last changed."""
    page = browser.new_page(viewport={"width": 1280, "height": 1400})
    page.add_init_script(f"({WATCH})()")
    return page


class Begun:
    """The moment at which a look begins."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._used, self._browser = server.cpu(), browser_cpu(server)
        self._clock = time.perf_counter()

    def timed(self, quiet: float) -> Timed:
        """What it took until now, less a time in which nothing happened."""
        seconds = time.perf_counter() - self._clock - quiet
        browser = browser_cpu(self._server) - self._browser
        return Timed(seconds, self._server.cpu() - self._used, browser)


def browser_cpu(server: Server) -> float:
    """Processor seconds so far of all processes that this one began, but for the server."""
    begun, spent = {os.getpid()}, 0.0
    for folder in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended since
        if int(fields[1]) in begun and int(folder.name) != server.pid:
            begun.add(int(folder.name))
            spent += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return spent


def settled(page: Any, begun: Begun, quiet: int) -> Timed:
    """Wait until a page is whole; how long that took, less the wait for quiet."""
    page.wait_for_function(WHOLE, arg=quiet, timeout=LIMIT_MS, polling=20)
    since = page.evaluate("() => (performance.now() - window.amLast) / 1000")
    return begun.timed(since)


def opened(page: Any, server: Server, path: str, quiet: int = QUIET_MS) -> Timed:
    """Navigate to an address."""
    begun = Begun(server)
    page.goto(f"{server.address}/{path}", wait_until="commit")
    return settled(page, begun, quiet)


def done(page: Any, server: Server, act: Callable[[Any], None], quiet: int = QUIET_MS) -> Timed:
    """Do something on a page that is open."""
    before = page.evaluate("() => window.amRuns")
    begun = Begun(server)
    act(page)
    page.wait_for_function("before => window.amRuns > before", arg=before, polling=20)
    return settled(page, begun, quiet)
