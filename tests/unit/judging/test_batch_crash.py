"""Runs that end at any instant, that are cut off from the provider, or that meet each other."""

import asyncio
import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import update

from alignment_monitor.judging.batch.ledger import OPEN
from alignment_monitor.judging.batch.provider import BatchProvider
from alignment_monitor.judging.engine import JudgingInterrupted
from alignment_monitor.store import open_store
from alignment_monitor.store.schema import judge_batch_units, judge_batches
from tests.fakes.batch_server import BatchServer, Cut, Reply
from tests.fakes.stores import KINDS, new_store
from tests.unit.judging.batch_child import POINTS
from tests.unit.judging.batching import Runs, states, units

ROOT = Path(__file__).parents[3]
WAIT = 20.0


@pytest.fixture
def store_url(tmp_path):
    return f"sqlite:///{tmp_path}/store.sqlite"


@pytest.fixture(params=KINDS)
def any_store_url(request, tmp_path):
    yield from new_store(request.param, tmp_path)


@pytest.fixture
def server():
    return BatchServer()


def child(store_url, url, count, *, first=0, wait=0.0, point=""):
    options = map(str, (store_url, url, first, count, wait, point))
    module = "tests.unit.judging.batch_child"
    return subprocess.Popen(
        [sys.executable, "-m", module, *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def bought(log):
    """How often the server was paid for an answer to each message."""
    lines = map(json.loads, log.read_text().splitlines())
    return Counter(line["key"] for line in lines if line["sent"])


@pytest.mark.parametrize("point", POINTS)
def test_a_run_killed_at_any_point_is_taken_up_by_the_next_and_buys_nothing_twice(
    store_url, server, tmp_path, point
):
    with server.running(log=tmp_path / "log"):
        store = open_store(store_url)
        if POINTS[point][0] is not BatchProvider and point != "after create":
            Runs.of(store, server.url).run(units(20))  # the point is in collecting
        killed = child(store_url, server.url, 20, point=point)
        assert killed.wait(60) == -signal.SIGKILL, killed.stderr.read()
        runs = Runs.of(store, server.url)
        _lease_over(store)
        assert states(runs.run(units(20), WAIT)) == {"ok": 20}
    assert server.batches == 1
    assert bought(tmp_path / "log") == dict.fromkeys(bought(tmp_path / "log"), 1)
    assert len(bought(tmp_path / "log")) == len(runs.kept()) == 20
    assert runs.on_their_way() == []
    assert runs.batches()[-1]["status"] == "collected"


def test_a_submission_is_left_alone_while_its_lease_lasts(store_url, server):
    with server.running():
        child(store_url, server.url, 5, point="before upload").wait(60)
        runs = Runs.of(open_store(store_url), server.url)
        assert states(runs.run(units(5))) == {"awaiting": 5}
        assert server.batches == 0
        _lease_over(runs.store)
        assert states(runs.run(units(5), WAIT)) == {"ok": 5}
    assert [batch["status"] for batch in runs.batches()] == ["released", "collected"]


def test_a_created_batch_is_adopted_though_its_lease_lasts(store_url, server):
    with server.running():
        child(store_url, server.url, 5, point="after create").wait(60)
        runs = Runs.of(open_store(store_url), server.url)
        assert states(runs.run(units(5))) == {"ok": 5}
    assert server.batches == 1


@pytest.mark.parametrize("accident", [Reply(500, act=True), Cut(after=10)])
def test_a_creation_that_was_not_answered_is_not_repeated_but_looked_for(
    store_url, server, accident
):
    server.script = lambda method, path, before: (
        accident if (method, path) == ("POST", "/v1/batches") else None
    )
    with server.running():
        runs = Runs.of(open_store(store_url), server.url, max_retries=3)
        assert states(runs.run(units(5), WAIT)) == {"ok": 5}
    assert server.batches == 1


def test_a_creation_that_was_refused_is_repeated(store_url, server):
    def script(method, path, before):
        creates = (method, path) == ("POST", "/v1/batches")
        return Reply(429, b'{"error": {"code": "slow_down"}}') if creates and not before else None

    server.script = script
    with server.running():
        runs = Runs.of(open_store(store_url), server.url)
        assert states(runs.run(units(5), WAIT)) == {"ok": 5}
    assert server.batches == 2
    assert [batch["total"] for batch in runs.batches()] == [5]


@pytest.mark.parametrize("path", ["/v1/files", "/v1/batches"])
def test_a_submission_that_failed_fails_its_units_and_the_next_run_submits_them(
    store_url, server, path
):
    refusal = Reply(400, b'{"error": {"code": "bad", "message": "quotes You are right"}}')
    server.script = lambda method, asked, before: (
        refusal if asked == path and method == "POST" and not before else None
    )
    with server.running():
        runs = Runs.of(open_store(store_url), server.url)
        answers = runs.run(units(5), WAIT)
        assert {answer.error for answer in answers.values()} == {"the server answered 400"}
        assert runs.on_their_way() == []
        assert states(runs.run(units(5), WAIT)) == {"ok": 5}


def test_of_twins_one_is_kept_and_the_other_cancelled(store_url, server):
    def script(method, path, before):
        # The answer to the first creation is lost; a proxy repeats the request.
        return Reply(502, act=True) if (method, path) == ("POST", "/v1/batches") else None

    server.script = script
    with server.running("seconds=30"):
        runs = Runs.of(open_store(store_url), server.url)
        runs.run(units(4))
        (batch,) = runs.batches()
        import openai

        with openai.OpenAI(base_url=server.url, api_key="x") as client:
            (first,) = client.batches.list().data
            server.script = lambda *asked: None
            client.batches.create(
                input_file_id=first.input_file_id,
                endpoint="/v1/chat/completions",
                completion_window="24h",
                metadata={"alignment_monitor_mark": batch["mark"]},
            )
            assert states(runs.run(units(4))) == {"awaiting": 4}
            now = {one.id: one.status for one in client.batches.list().data}
    assert runs.batches()[0]["batch_id"] == first.id
    assert now.pop(first.id) == "in_progress"
    assert set(now.values()) <= {"cancelling", "cancelled"}


def test_collected_twice_changes_nothing(store_url, server):
    with server.running("error=0.2"):
        runs = Runs.of(open_store(store_url), server.url)
        runs.run(units(30))
        way = runs.on_their_way()
        runs.run(units(30))
        kept, batches = runs.kept(), runs.batches()
        assert 15 < len(kept) < 30
        with runs.store.begin() as connection:  # as if nobody had collected
            connection.execute(judge_batch_units.delete())
            connection.execute(judge_batch_units.insert(), way)
            connection.execute(update(judge_batches).values(status=OPEN))
        runs.run(units(30))
        assert runs.kept() == kept
        ended = {"ended_at": None}
        assert [b | ended for b in runs.batches()] == [b | ended for b in batches]
    assert server.batches == 1


def test_processes_that_submit_and_collect_at_once_share_the_batches(
    any_store_url, server, tmp_path
):
    store_url = any_store_url
    with server.running("seconds=2", log=tmp_path / "log"):
        runs = Runs.of(open_store(store_url), server.url)
        runs.run(units(30))
        children = [
            child(store_url, server.url, 40, first=first, wait=WAIT) for first in (0, 10, 20)
        ]
        said = [process.communicate(timeout=60) for process in children]
        assert [out for out, _ in said] == ["ready\n{'ok': 40}\n"] * 3, said
    assert sum(batch["total"] for batch in runs.batches()) == 60
    assert sorted(bought(tmp_path / "log").values()) == [1] * 60
    assert len(runs.kept()) == 60
    assert runs.on_their_way() == []


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_while_waiting_a_run_ends_at_once_and_loses_nothing(store_url, server, sign):
    with server.running("polls=4"):
        waiting = child(store_url, server.url, 5, wait=600.0)
        waiting.stdout.readline()
        until = time.monotonic() + 20
        while server.batches == 0 and time.monotonic() < until:
            time.sleep(0.02)
        server.script = lambda method, path, before: (
            Reply(503) if path.startswith("/v1/batches/") else None
        )
        time.sleep(0.3)
        began = time.monotonic()
        waiting.send_signal(sign)
        _, errors = waiting.communicate(timeout=20)
        assert time.monotonic() - began < 3
        assert "JudgingInterrupted: stopped while batches were on their way" in errors
        server.script = lambda *asked: None
        runs = Runs.of(open_store(store_url), server.url)
        assert states(runs.run(units(5), WAIT)) == {"ok": 5}
    assert server.batches == 1


@pytest.mark.parametrize(("step", "signals", "left"), [("upload", 1, 0), ("create", 2, 5)])
def test_told_to_stop_in_the_middle_of_a_submission(
    store_url, server, monkeypatch, step, signals, left
):
    """An upload is cut off and its claim given up; a creation is, if need be, looked for later."""

    async def hang(*_):
        for delay in range(signals):
            threading.Timer(0.2 + 0.2 * delay, signal.raise_signal, [signal.SIGTERM]).start()
        await asyncio.sleep(30)

    with server.running():
        runs = Runs.of(open_store(store_url), server.url)
        monkeypatch.setattr(BatchProvider, step, hang)
        with pytest.raises(JudgingInterrupted):
            runs.run(units(5), WAIT)
        monkeypatch.undo()
        assert len(runs.on_their_way()) == left
        _lease_over(runs.store)
        assert states(runs.run(units(5), WAIT)) == {"ok": 5}


def _lease_over(store):
    with store.begin() as connection:
        past = judge_batches.c.created_at
        connection.execute(update(judge_batches).values(lease_until=past))
