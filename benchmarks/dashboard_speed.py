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
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from benchmarks import full_marts
from benchmarks.common import CACHE, machine, table, write_section
from benchmarks.dashboard_browser import APP, Server, Timed, chromium, done, opened, served, watched

FIRST_PAINT, INTERACTION = 2.0, 1.0
"""Seconds that are aimed at."""
INTERACTIONS = 200


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
        page = watched(browser)
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
