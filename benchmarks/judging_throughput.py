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
import asyncio
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from alignment_monitor.judging.answer import answer_schema
from alignment_monitor.judging.backends.client import open_client
from alignment_monitor.judging.backends.structured import StructuredBackend, request_body
from alignment_monitor.judging.engine import judge_units
from alignment_monitor.judging.journal import Journal
from alignment_monitor.judging.known import load_sentinels
from alignment_monitor.judging.limits import Limits
from alignment_monitor.judging.prompt import messages
from alignment_monitor.judging.rubric import Rubric, load_rubric
from alignment_monitor.judging.window import Unit, make_unit
from alignment_monitor.operations.labels import known_messages
from alignment_monitor.settings import SIMULATED_MODEL, Judge
from alignment_monitor.simulation.truth import add_labels
from alignment_monitor.store import open_store
from benchmarks.common import (
    FOLDER,
    UnavailableError,
    environment,
    machine,
    pinned,
    table,
    write_section,
)

LATENCY_MS, CONCURRENCY = 200, 64
IDEAL = CONCURRENCY * 1000 / LATENCY_MS
WARM_UP = 200
PEER_TIMEOUT = 1800
PEERS = {
    "phoenix": ("arize-phoenix-evals", "openai", "pandas"),
    "scout": ("inspect-scout", "inspect-ai", "openai", "pandas"),
}


TUNED = {
    "phoenix": ("rate limit raised", ["10000"]),
    "scout": ("64 transcripts at a time in 1 process", ["1"]),
}
PLAIN = {
    "phoenix": "its own rate limit",
    "scout": "64 transcripts at a time in its own number of processes",
}
BARE, ENGINE = "bare loop", "judging engine"


@dataclass(frozen=True)
class Run:
    """One run of one contestant: answers, seconds on the clock, and of its processes' CPU."""

    completed: int
    seconds: float
    cpu: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.completed / self.seconds

    @property
    def milliseconds(self) -> float:
        """CPU milliseconds an answer."""
        return 1000 * self.cpu / max(1, self.completed)


Contestant = Callable[[], Run]


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


def bare(units: Sequence[Unit], judge: Judge, rubric: Rubric) -> Run:
    """A loop around the client that our backend uses, and nothing else."""

    async def ask_all() -> int:
        waiting, answered = iter(units), 0

        async def work() -> None:
            nonlocal answered
            for unit in waiting:
                body = request_body(judge, rubric, unit)
                response = await client.chat.completions.create(**body)
                answered += bool(response.choices[0].message.content)

        async with open_client(judge) as client:
            await asyncio.gather(*(work() for _ in range(CONCURRENCY)))
        return answered

    return timed(ask_all)


def engine(units: Sequence[Unit], judge: Judge, rubric: Rubric, folder: Path) -> Run:
    """What the monitor does: limits, validation of each answer, and a new journal."""
    with tempfile.TemporaryDirectory(dir=folder) as own:
        journal = Journal(open_store(f"sqlite:///{own}/store.sqlite"), "benchmark", "r")

        async def ask_all() -> int:
            limits = Limits(CONCURRENCY)
            backend = StructuredBackend(judge, rubric, limits)
            answers = await judge_units(units, backend=backend, journal=journal, limits=limits)
            return sum(answer.status == "ok" for answer in answers.values())

        run = timed(ask_all)
        kept = journal.known(unit.key for unit in units)
    if len(kept) != run.completed:
        raise RuntimeError(f"{run.completed} answers are valid, {len(kept)} are in the journal")
    return run


def timed(ask_all: Callable[[], Coroutine[Any, Any, int]]) -> Run:
    """Run it in a loop of its own, on the clock."""

    def cpu() -> float:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return usage.ru_utime + usage.ru_stime

    began, before = time.perf_counter(), cpu()
    completed = asyncio.run(ask_all())
    return Run(completed, time.perf_counter() - began, cpu() - before)


def peer(python: Path, script: str, base_url: str, folder: Path, *options: str) -> Run:
    """Another tool in its own environment; it times itself, from after its imports."""
    with tempfile.TemporaryDirectory(dir=folder) as own:
        for name in ("conversations.jsonl", "schema.json"):
            (Path(own) / name).symlink_to(folder / name)
        command = [str(python), str(FOLDER / "peers" / script), base_url, own, *options]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=PEER_TIMEOUT, cwd=own
        )
    if done.returncode:
        raise RuntimeError(f"{script} failed: {done.stderr[-2000:]}")
    return Run(**json.loads(done.stdout.splitlines()[-1]))


def write_conversations(units: Sequence[Unit], rubric: Rubric, folder: Path) -> None:
    """What the other tools ask: our messages and our schema, its references resolved."""
    with (folder / "conversations.jsonl").open("w", encoding="utf-8") as file:
        for unit in units:
            system, user = messages(rubric, unit)
            row = {"name": unit.conversation_id, "system": system["content"]}
            file.write(json.dumps({**row, "user": user["content"]}) + "\n")
    schema = answer_schema(rubric)
    (folder / "schema.json").write_text(json.dumps(inlined(schema, schema["$defs"])))


def inlined(schema: object, definitions: dict[str, object]) -> object:
    """A schema without references: not every tool can pass them on."""
    if isinstance(schema, list):
        return [inlined(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {
        name: inlined(part, definitions)
        for name, part in schema.items()
        if name != "$defs" and not (name == "title" and isinstance(part, str))
    }


def contestants(judge: Judge, units: Sequence[Unit], folder: Path) -> dict[str, Contestant]:
    """Who takes part in every round."""
    rubric = load_rubric()
    return {
        BARE: partial(bare, units, judge, rubric),
        ENGINE: partial(engine, units, judge, rubric, folder),
    }


def peers(base_url: str, folder: Path) -> tuple[dict[str, Contestant], dict[str, Contestant]]:
    """The other tools that can be installed: set up for speed, and as they come (run once)."""
    tuned: dict[str, Contestant] = {}
    plain: dict[str, Contestant] = {}
    for name, packages in PEERS.items():
        try:
            python = environment(name, pinned(*packages))
        except UnavailableError as error:
            print(f"Without {name}: {error}")
            continue
        ask = partial(peer, python, f"ask_{name}.py", base_url, folder)
        tool = pinned(packages[0])[0].replace("==", " ")
        title, options = TUNED[name]
        tuned[f"{tool}, {title}"] = partial(ask, *options)
        plain[f"{tool}, {PLAIN[name]}"] = ask
    return tuned, plain


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
