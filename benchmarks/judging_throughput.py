"""How many judge calls a second, beside a bare loop of the same client and beside other tools.

    python -m benchmarks.judging_throughput               # 8 rounds of 2,000 calls each
    python -m benchmarks.judging_throughput --no-peers    # the bare loop and the engine alone
    python -m benchmarks.judging_throughput --write       # and puts the tables into the docs

The judge is the simulated one in a process of its own, 200 ms an answer, asked 64 at a time, so
that no one can do more than 320 calls a second. All contestants put the same conversations to it
with the same messages and the same schema, in turn, round after round: what else the machine does
meets them alike, and ratios are of the same round. The bare loop does nothing with the answers; the
engine checks every answer and commits it to the journal; the other tools run in environments of
their own, outside the repository, and do with an answer what they do.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from alignment_monitor.judging.known import load_sentinels
from alignment_monitor.judging.rubric import load_rubric
from alignment_monitor.judging.window import Unit, make_unit
from alignment_monitor.operations.labels import known_messages
from alignment_monitor.settings import SIMULATED_MODEL, Judge
from alignment_monitor.simulation.truth import add_labels
from benchmarks.common import machine, table, write_section
from benchmarks.contestants import (
    BARE,
    CONCURRENCY,
    Contestant,
    Run,
    contestants,
    peers,
    write_conversations,
)

LATENCY_MS = 200
IDEAL = CONCURRENCY * 1000 / LATENCY_MS
WARM_UP = 200


@contextmanager
def judge_server(folder: Path) -> Iterator[str]:
    """The simulated judge in a process of its own; gives its base URL."""
    truth, port_file = folder / "truth.parquet", folder / "port"
    add_labels(truth, known_messages())
    module = "alignment_monitor.simulation.judge_server"
    options = [f"--truth={truth}", f"--port-file={port_file}", f"--latency={LATENCY_MS}"]
    process = subprocess.Popen([sys.executable, "-m", module, *options], stdout=subprocess.DEVNULL)
    try:
        while not port_file.exists():
            if process.poll() is not None:
                raise RuntimeError("the judge server did not start")
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port_file.read_text()}/v1"
    finally:
        process.terminate()
        process.wait(timeout=10)


def conversations(count: int) -> list[Unit]:
    """The shipped sentinels over and over, each time another conversation by its first words."""
    shipped, units = list(load_sentinels().values()), []
    for number in range(count):
        known = shipped[number % len(shipped)]
        turns = [
            {"index": index, "role": role, "content": text if index else f"{number} {text}"}
            for index, (role, text) in enumerate(known.turns)
        ]
        index = max(known.labels)
        units.append(make_unit(f"c{number}", index, turns, context_messages=6, max_tokens=6000))
    return units


def compete(rounds: int, runs: dict[str, Contestant]) -> Iterator[tuple[str, Run, float]]:
    """All in turn, round after round: who, its run, and its rate beside the bare loop's."""
    for number in range(rounds):
        first = None
        for name, run in runs.items():
            found = run()
            first = first or found
            print(
                f"round {number + 1}: {name}: {found.rate:.1f} answers/s, "
                f"{found.milliseconds:.2f} ms CPU each, {found.completed} answers",
                flush=True,
            )
            yield name, found, found.rate / first.rate


def report(found: Sequence[tuple[str, Run, float]], calls: int) -> str:
    """The table."""
    rows = []
    for name in dict.fromkeys(name for name, _, _ in found):
        runs = [run for other, run, _ in found if other == name]
        ratios = [ratio for other, _, ratio in found if other == name]
        rates = [run.rate for run in runs]
        middle, ratio = statistics.median(rates), statistics.median(ratios)
        beside = "–" if name == BARE else f"{ratio:.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
        rows.append(
            (
                name,
                len(runs),
                f"{middle:.0f} ({min(rates):.0f}–{max(rates):.0f})",
                f"{middle / IDEAL:.0%}",
                beside,
                f"{statistics.median(run.milliseconds for run in runs):.1f}",
                f"{min(run.completed for run in runs):,} of {calls:,}",
            )
        )
    header = (
        f"contestant | runs | answers/s, median (range) | of the ideal {IDEAL:.0f}/s "
        "| of the bare loop | CPU ms an answer | answered"
    )
    return table(header, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=8, help="of loop and engine")
    parser.add_argument("--peer-rounds", type=int, default=3, help="of the others")
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, judge_server(Path(name)) as base_url:
        folder, units = Path(name), conversations(options.calls)
        write_conversations(units, load_rubric(), folder)
        judge = Judge(
            base_url=base_url, concurrency=CONCURRENCY, simulated=True, model=SIMULATED_MODEL
        )
        for warm_up in contestants(judge, units[:WARM_UP], folder).values():
            warm_up()
        ours = contestants(judge, units, folder)
        found = list(compete(options.rounds, ours))
        if not options.no_peers:
            tuned, plain = peers(base_url, folder)
            for rounds, others in ((options.peer_rounds, tuned), (1, plain)):
                found += compete(rounds, {BARE: ours[BARE]} | others if others else {})
    used = machine("openai", "httpx2")
    text = f"{used}; {LATENCY_MS} ms an answer, {CONCURRENCY} at a time.\n\n"
    text += report(found, options.calls)
    print(text)
    if options.write:
        write_section("judging_throughput", text)


if __name__ == "__main__":
    main()
