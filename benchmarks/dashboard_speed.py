"""How fast the pages are at full scale, in real Chromium, and whether the server's memory is flat.

    python -m benchmarks.dashboard_speed            # prints
    python -m benchmarks.dashboard_speed --write    # and puts the tables into docs/benchmarks.md

Two years of three families, one with twenty deployments one after another, fifty segments, every
charted question, a million judged messages (``full_marts.py``). *First paint* is from navigation
to the last element of the page and the end of the server's work; an *interaction* from the click
to the same. Each is repeated; the median and the slowest are told, and the processor time of the
server beside it, which a busy machine does not stretch.
"""

import argparse
import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from alignment_monitor.settings import HOME_VARIABLE
from benchmarks import full_marts
from benchmarks.common import CACHE, FOLDER, machine, table, write_section

APP = FOLDER.parent / "dashboards" / "app.py"
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage")
FIRST_PAINT, INTERACTION = 2.0, 1.0
"""Seconds that are aimed at."""
INTERACTIONS = 200
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
        command = [sys.executable, "-m", "streamlit", "run", str(APP), "--server.port", str(port)]
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
  new MutationObserver(() => { window.amLast = performance.now(); })
    .observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
}
"""
WHOLE = """
quiet => {
  const app = document.querySelector('[data-testid=stApp]');
  const state = app && app.getAttribute('data-test-script-state');
  const stale = document.querySelector('[data-stale=true], [data-testid=stSkeleton]');
  const shown = document.querySelector('.am-section, .am-talk, .am-empty, .am-verdict');
  const bare = [...document.querySelectorAll('[data-testid=stVegaLiteChart]')]
    .some(one => !one.querySelector('canvas, svg'));
  return state === 'notRunning' && !stale && shown && !bare
    && performance.now() - window.amLast > quiet;
}
"""


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
    begun = Begun(server)
    act(page)
    page.wait_for_timeout(60)  # until the page knows that it runs
    return settled(page, begun, quiet)


def chosen(label: str, option: str) -> Callable[[Any], None]:
    """Choose of a list of options."""

    def act(page: Any) -> None:
        page.get_by_role("combobox", name=label).first.click()
        page.keyboard.type(option)
        page.get_by_role("option", name=option, exact=True).first.click()

    return act


def typed(label: str, text: str) -> Callable[[Any], None]:
    """Type into a field."""

    def act(page: Any) -> None:
        field = page.get_by_label(label)
        field.fill(text)
        field.press("Enter")

    return act


def clicked(name: str, role: str = "button") -> Callable[[Any], None]:
    """Click on what is called so."""
    return lambda page: page.get_by_role(role, name=name, exact=True).first.click()


Step = tuple[str, Callable[[Any], None]]
ACTS: dict[str, list[Step]] = {
    "overview": [
        ("change of family", chosen("Family of deployments", "borealis")),
        ("and back", chosen("Family of deployments", "aurora")),
    ],
    "conversations": [
        ("page 2 of the list", clicked("Page 2")),
        ("one deployment", chosen("Deployment", "aurora-1.3")),
        ("flagged for caving", chosen("Flagged for", "Caving")),
        ("one segment", chosen("Segment", "surface-0/locale-1")),
        ("rare words", typed("Words in the conversation", "heliotrope")),
    ],
    "judges": [("another judge", chosen("Judge", "second"))],
    "health": [("ledger of all days", clicked("all", "radio"))],
}


def pages() -> dict[str, str]:
    """Name and address of each page, as the frame lists them."""
    found = {}
    for line in APP.read_text(encoding="utf-8").splitlines():
        if "st.Page(" in line:
            name = line.split("views/")[1].split(".py")[0]
            found[name] = "" if "default=True" in line else name
    return found


def conversation(home: Path) -> str:
    """The address of one conversation of the last day."""
    from alignment_monitor.resources.marts import Marts

    marts = Marts(home / "marts")
    span = marts.span("judged_messages")
    assert span is not None
    last = marts.select("judged_messages", first=span[1], limit=1).to_pylist()[0]
    query = {"conversation": last["conversation_id"], "message": last["message_index"]}
    return f"conversations?{urlencode(query)}"


def told(name: str, step: str, seen: Sequence[Timed], aim: float) -> tuple[object, ...]:
    """A line of the table; shown at once, for all of them take minutes."""
    times = [one.seconds for one in seen]
    middle = statistics.median(times)
    server = statistics.median(one.server for one in seen)
    mark = "" if middle < aim else " (above)"
    browser = statistics.median(one.browser for one in seen)
    line = name, step, f"{middle:.2f}{mark}", f"{max(times):.2f}", f"{server:.2f}", f"{browser:.2f}"
    print(*line, sep=" | ", file=sys.stderr, flush=True)
    return line


def measured(home: Path, rounds: int, interactions: int) -> str:
    """Both tables."""
    lines: list[tuple[object, ...]] = []
    with served(home) as server, chromium() as browser:
        addresses = pages() | {"one conversation": conversation(home)}
        page = browser.new_page(viewport={"width": 1280, "height": 1400})
        page.add_init_script(f"({WATCH})()")
        cold = [opened(page, server, addresses["overview"])]
        lines.append(told("overview", "first of all, just started", cold, FIRST_PAINT))
        for name, path in addresses.items():
            first = [opened(page, server, path)]
            lines.append(told(name, "first visit", first, FIRST_PAINT))
            seen = [opened(page, server, path) for _ in range(rounds)]
            lines.append(told(name, "later visits", seen, FIRST_PAINT))
            for step, act in ACTS.get(name, ()):
                lines.append(told(name, step, [done(page, server, act)], INTERACTION))
        grown = memory(page, server, addresses, interactions)
    head = "page | what | seconds | slowest | CPU seconds, server | CPU seconds, browser"
    return f"{table(head, lines)}\n\n{grown}"


def memory(page: Any, server: Server, addresses: dict[str, str], count: int) -> str:
    """The server's resident memory over many interactions, on the pages in turn."""
    seen, number = [(0, server.memory())], 0
    while number < count:
        for name, path in addresses.items():
            opened(page, server, path, quiet=0)
            number += 1
            for _, act in ACTS.get(name, ()):
                done(page, server, act, quiet=0)
                number += 1
            if number - seen[-1][0] >= count // 8:
                seen.append((number, server.memory()))
    lines = [(f"{at:,}", f"{size:,.0f}") for at, size in seen]
    return table("interactions | server’s resident MiB", lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=CACHE / "full-marts")
    parser.add_argument("--days", type=int, default=730)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--interactions", type=int, default=INTERACTIONS)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    counts = full_marts.write(options.home, options.days, options.messages)
    sizes = ", ".join(
        f"{counts[name]:,} rows of `{name}`"
        for name in ("estimates", "judged_messages", "drift_signals", "judge_quality")
    )
    text = (
        f"{machine('streamlit', 'pyarrow')}; {sizes}.\n\n"
        f"{measured(options.home, options.rounds, options.interactions)}"
    )
    print(text)
    if options.write:
        write_section("dashboard_speed", text)


if __name__ == "__main__":
    main()
