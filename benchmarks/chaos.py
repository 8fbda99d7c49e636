"""Two thousand conversations, a fifth of all calls faulty, three kill -9: is anything lost?

    python -m benchmarks.chaos chat                # or responses, decisions, batch
    python -m benchmarks.chaos batch --conversations 300 --kills 2

The real command, a real judge server that misbehaves by plan, real kills while judging is under
way. Then the run is repeated until nothing fails any more, and the ledger, the journal and the
server's own log of what it sent are held against each other.
"""

import argparse
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq

from tests.fakes import fault_server

DAY = date(2026, 1, 5)
CONCURRENCY = 32
SCRIPT = Path(sys.executable).with_name("alignment-monitor")
MONITOR_YAML = """\
sources:
  - {{kind: simulation, seed: {seed}, first_day: {day}, days: 2, conversations_per_day: {count}}}
first_day: {day}
sampling: {{messages_per_day: 100000}}
judging:
  calls_per_day: 100000
  sentinels_per_day: 0
  canaries_per_day: 0
  judges:
    - {{name: judge, provider: simulation, model: simulated-judge, simulated: true,
       base_url: "{url}", concurrency: {concurrency}, max_retries: 3, timeout_seconds: 4,
       {how}}}
"""
HOW = {
    "chat": "backend: chat",
    "responses": "backend: responses",
    "decisions": "backend: decisions",
    "batch": "backend: chat, batch: true, batch_wait_minutes: 2",
}
FAULTS = {
    "rate_limit": 0.03, "rate_limit_after": 0.02, "server_error": 0.04, "timeout": 0.005,
    "truncated": 0.02, "invalid_body": 0.01, "invalid_json": 0.02, "refusal": 0.01,
    "wrong_schema": 0.015, "slow_drip": 0.01, "length": 0.01, "empty": 0.01, "disconnect": 0.01,
}  # fmt: skip
"""A fifth of all calls; fenced JSON and prose around it come on top, for they are no failures."""

LENIENT = {"fenced": 0.03, "trailing_prose": 0.03}
BATCHES = "seconds=1,error=0.1,expired=0.5,only_first=2"


@dataclass
class Result:
    """What a chaos run ended in."""

    states: Counter
    messages: int
    kills: int
    runs: int
    sent: int
    repeated: int
    journalled: int

    def problems(self, in_flight: int) -> list[str]:
        """What is wrong; nothing if all went as promised."""
        found = []
        if sum(self.states.values()) != self.messages:
            found.append(f"{self.messages} messages, but {sum(self.states.values())} states")
        if bad := set(self.states) - {"judged", "judge_refused", "judge_invalid"}:
            found.append(f"not all were judged: {sorted(bad)}")
        if self.journalled != self.messages:
            found.append(f"{self.journalled} answers kept of {self.messages}")
        if self.repeated > in_flight * self.kills:
            found.append(f"{self.repeated} answers bought twice at {self.kills} kills")
        return found


def run_chaos(mode: str, folder: Path, *, conversations: int, kills: int, seed: int) -> Result:
    """One day of conversations through the graph, disturbed."""
    home, log = folder / "home", folder / "requests.jsonl"
    home.mkdir(parents=True)
    shares = FAULTS | ({"question_refusal": 0.03} if mode == "decisions" else LENIENT)
    with fault_server.running(
        _truth(folder, conversations, seed),
        faults=",".join(f"{name}={share}" for name, share in shares.items()) + ",hang_seconds=6",
        latency="40/120",
        batch=BATCHES,
        log=log,
        state_folder=folder / "server",
        seed=seed,
    ) as url:
        text = MONITOR_YAML.format(
            seed=seed, day=DAY, count=conversations, url=url, concurrency=CONCURRENCY, how=HOW[mode]
        )
        (home / "monitor.yaml").write_text(text)
        chance = random.Random(seed)
        killed = sum(_killed_run(home, log, mode, chance) for _ in range(kills))
        runs = 0
        while runs < 8:
            runs += 1
            done = subprocess.run(_command(home), capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(done.stdout[-3000:] + done.stderr[-3000:])
            states = _states(home)
            if not states["judge_failed"] and not states["awaiting_verdict"]:
                break
        time.sleep(0.5)  # the log's last lines
    return _reconciled(home, log, states, killed, runs)


def _truth(folder: Path, conversations: int, seed: int) -> Path:
    from alignment_monitor.settings import SimulationSource
    from alignment_monitor.simulation.truth import write_truth

    world = SimulationSource(
        kind="simulation", seed=seed, first_day=DAY, days=2, conversations_per_day=conversations
    )
    write_truth(world, folder / "truth.parquet")
    return folder / "truth.parquet"


def _command(home: Path) -> list[str]:
    return [str(SCRIPT), "run", "--day", str(DAY), "--home", str(home)]


def _killed_run(home: Path, log: Path, mode: str, chance: random.Random) -> bool:
    """Start a run and kill it without warning once judging is under way."""
    process = subprocess.Popen(
        _command(home),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    before, wait = _lines(log), chance.uniform(0.1, 2.5)
    until = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < until:
        if _lines(log) > before or (mode == "batch" and _batches(home)):
            time.sleep(wait)
            break
        time.sleep(0.02)
    running = process.poll() is None
    if running:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return running


def _lines(log: Path) -> int:
    return log.read_bytes().count(b"\n") if log.exists() else 0


def _batches(home: Path) -> int:
    store = home / "store.sqlite"
    if not store.exists():
        return 0
    with sqlite3.connect(store) as connection:
        try:
            return connection.execute("select count(*) from judge_batches").fetchone()[0]
        except sqlite3.OperationalError:
            return 0


def _states(home: Path) -> Counter:
    states: Counter = Counter()
    for row in pq.read_table(home / "marts" / "ledger_daily.parquet").to_pylist():
        if row["level"] == "message" and row["state"] != "sampled_out":
            states[row["state"]] += row["count"]
    return states


def _reconciled(home: Path, log: Path, states: Counter, kills: int, runs: int) -> Result:
    sample = pq.read_table(
        home / "lake" / "judging_sample" / f"day={DAY}" / "part.parquet", partitioning=None
    ).to_pylist()
    with sqlite3.connect(home / "store.sqlite") as connection:
        kept = connection.execute("select count(*) from verdict_journal").fetchone()[0]
        paid = connection.execute(
            "select sum(prompt_tokens is not null) from verdict_journal"
        ).fetchone()[0]
    assert paid is None or paid <= kept
    good = Counter()
    for line in log.read_text().splitlines():
        told = json.loads(line)
        usable = told["fault"] in (None, "fenced", "trailing_prose", "slow_drip", "refusal")
        good[told["key"]] += bool(told["sent"] and usable)
    distinct = len({(row["conversation_id"], row["message_index"]) for row in sample})
    return Result(
        states=states,
        messages=distinct,
        kills=kills,
        runs=runs,
        sent=sum(good.values()),
        repeated=sum(count - 1 for count in good.values() if count > 1),
        journalled=kept,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mode", choices=HOW)
    parser.add_argument("--conversations", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = run_chaos(
            options.mode,
            Path(folder),
            conversations=options.conversations,
            kills=options.kills,
            seed=options.seed,
        )
    print(result)
    problems = result.problems(CONCURRENCY)
    print("\n".join(problems) or "nothing lost, nothing bought twice but what was in flight")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
