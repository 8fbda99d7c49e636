"""Who takes part in the race of judge calls: a bare loop, our engine, and other tools.

Here belongs how each is made to ask the same questions and what one run of it cost. Here does not
belong: who runs when, and what is made of the figures (``judging_throughput``).
"""

import asyncio
import json
import resource
import tempfile
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from alignment_monitor.judging.answer import answer_schema
from alignment_monitor.judging.backends.client import open_client
from alignment_monitor.judging.backends.structured import StructuredBackend, request_body
from alignment_monitor.judging.engine import judge_units
from alignment_monitor.judging.journal import Journal
from alignment_monitor.judging.limits import Limits
from alignment_monitor.judging.prompt import messages
from alignment_monitor.judging.rubric import Rubric, load_rubric
from alignment_monitor.judging.window import Unit
from alignment_monitor.settings import Judge
from alignment_monitor.store import open_store
from benchmarks.common import UnavailableError, environment, pinned, run_peer

CONCURRENCY = 64
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
        said = run_peer(
            python, script, base_url, own, *options, folder=Path(own), timeout=PEER_TIMEOUT
        )
    return Run(**json.loads(said.splitlines()[-1]))


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
