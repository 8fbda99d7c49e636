import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import Batch
from openai.types.chat import ChatCompletion
from openai.types.responses import Response

from alignment_monitor.judging.rubric import load_rubric
from alignment_monitor.simulation.judge import SimulatedJudge
from alignment_monitor.simulation.server import batch_lines
from alignment_monitor.simulation.server.batch_lines import check
from alignment_monitor.simulation.server.batches import BatchPlan
from alignment_monitor.simulation.server.plans import PlanError
from alignment_monitor.simulation.truth import Truth, text_key
from tests.fakes.fault_server import log_lines, prompt, running, stats

CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"
ENDED = ("failed", "completed", "expired", "cancelled")
TEXTS = [f"It is so, says answer {number}." for number in range(40)]


def line(number: int, url: str = CHAT, **changed: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"model": "m"}
    if url == CHAT:
        body["messages"] = [{"role": "user", "content": prompt(TEXTS[number])}]
    else:
        body["input"] = prompt(TEXTS[number])
    given = {"custom_id": f"unit-{number}", "method": "POST", "url": url, "body": body, **changed}
    return {name: value for name, value in given.items() if value is not None}


def jsonl(lines: list[dict[str, Any]]) -> bytes:
    return "\n".join(map(json.dumps, lines)).encode()


class Drill:
    """What a client does with batches, through the real client."""

    def __init__(self, api: openai.AsyncOpenAI) -> None:
        self.api = api

    async def submit(self, lines: list[dict[str, Any]] | bytes, url: str = CHAT) -> Batch:
        content = lines if isinstance(lines, bytes) else jsonl(lines)
        file = await self.api.files.create(file=("in.jsonl", content), purpose="batch")
        assert (file.bytes, file.purpose, file.filename) == (len(content), "batch", "in.jsonl")
        assert (await self.api.files.content(file.id)).content == content
        return await self.api.batches.create(
            input_file_id=file.id, endpoint=url, completion_window="24h", metadata={"day": "1"}
        )

    async def end(self, batch: Batch) -> tuple[Batch, list[str]]:
        """Poll until it has ended; gives the states seen."""
        states = [batch.status]
        while batch.status not in ENDED:
            batch = await self.api.batches.retrieve(batch.id)
            states.append(batch.status)
            await asyncio.sleep(0.01)
        return batch, states

    async def lines(self, file_id: str | None) -> dict[str, dict[str, Any]]:
        if file_id is None:
            return {}
        file = await self.api.files.retrieve(file_id)
        assert file.purpose == "batch_output"
        content = (await self.api.files.content(file_id)).text
        read = [json.loads(text) for text in content.splitlines()]
        assert len({one["id"] for one in read}) == len(read)
        return {one["custom_id"]: one for one in read}


def drill(url: str, steps: Callable[[Drill], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as api:
            return await steps(Drill(api))

    return asyncio.run(run())


def answer(number: int) -> dict[str, Any]:
    return SimulatedJudge(Truth({}), load_rubric(), 0).answer(TEXTS[number])


@pytest.mark.parametrize("endpoint", [CHAT, RESPONSES])
def test_a_batch_answers_every_line_as_single_calls_would(tmp_path, endpoint) -> None:
    async def steps(drill: Drill) -> tuple:
        batch = await drill.submit([line(n, endpoint) for n in range(40)], endpoint)
        ended, states = await drill.end(batch)
        return ended, states, await drill.lines(ended.output_file_id)

    log = tmp_path / "log.jsonl"
    with running(batch=BatchPlan(polls=4), log=log) as url:
        batch, states, output = drill(url, steps)
        logged, counted = log_lines(log, 40), stats(url)
    assert states == ["validating", *["in_progress"] * 3, "completed"]
    assert (batch.endpoint, batch.metadata, batch.model) == (endpoint, {"day": "1"}, "m")
    assert batch.request_counts
    assert (batch.request_counts.total, batch.request_counts.completed) == (40, 40)
    assert batch.error_file_id is None
    assert batch.completed_at
    for number in range(40):
        response = output[f"unit-{number}"]["response"]
        assert (response["status_code"], output[f"unit-{number}"]["error"]) == (200, None)
        if endpoint == CHAT:
            text = ChatCompletion.model_validate(response["body"]).choices[0].message.content
        else:
            text = Response.model_validate(response["body"]).output_text
        assert json.loads(text or "") == answer(number)
    assert list(output) != [f"unit-{number}" for number in range(40)]  # in an order of its own
    Batch.model_validate(batch.to_dict())  # the client itself does not check
    assert batch.usage
    assert batch.usage.output_tokens > 40
    assert sorted(one["key"] for one in logged) == sorted(map(text_key, TEXTS))
    assert all(one["endpoint"] == "batch" and one["sent"] for one in logged)
    assert counted["requests"]["batch"] == counted["answers_sent"] == 40


def test_some_lines_fail_in_both_ways_and_succeed_when_asked_again(tmp_path) -> None:
    async def steps(drill: Drill) -> tuple:
        first, _ = await drill.end(await drill.submit([line(n) for n in range(40)]))
        done, failed = [await drill.lines(f) for f in (first.output_file_id, first.error_file_id)]
        again, _ = await drill.end(
            await drill.submit([line(n) for n in range(40) if f"unit-{n}" in failed])
        )
        return first, done, failed, await drill.lines(again.output_file_id)

    with running(batch="error=0.4", log=tmp_path / "log.jsonl") as url:
        batch, done, failed, later = drill(url, steps)
        assert stats(url)["answers_sent"] == len(done) + len(later)
        assert stats(url)["faults"]["batch_error"] >= len(failed)
    assert batch.status == "completed"
    assert done.keys().isdisjoint(failed)
    assert done.keys() | failed.keys() == {f"unit-{number}" for number in range(40)}
    assert (batch.request_counts.completed, batch.request_counts.failed) == (len(done), len(failed))
    as_response = [one for one in failed.values() if one["response"]]
    as_error = [one for one in failed.values() if one["error"]]
    assert len(as_response) + len(as_error) == len(failed)
    assert {one["response"]["status_code"] for one in as_response} == {500}
    assert all(one["response"]["body"]["error"]["message"] for one in as_response)
    assert {one["error"]["code"] for one in as_error} == {"request_timeout"}
    assert later
    assert later.keys() < failed.keys()


def test_an_expired_batch_has_part_of_its_answers_and_says_what_is_missing() -> None:
    async def steps(drill: Drill) -> tuple:
        batch, _ = await drill.end(await drill.submit([line(n) for n in range(40)]))
        done, left = [await drill.lines(f) for f in (batch.output_file_id, batch.error_file_id)]
        second, _ = await drill.end(await drill.submit([line(n) for n in range(3)]))
        return batch, done, left, second

    with running(batch=BatchPlan(expired=1.0, done_at_expiry=0.25, only_first=1)) as url:
        batch, done, left, second = drill(url, steps)
    assert batch.status == "expired"
    assert batch.expired_at
    assert (len(done), len(left)) == (10, 30)
    assert done.keys() | left.keys() == {f"unit-{number}" for number in range(40)}
    assert {one["error"]["code"] for one in left.values()} == {"batch_expired"}
    assert {one["response"] for one in left.values()} == {None}
    assert second.status == "completed"


def test_a_batch_that_finds_no_room_fails_at_validation() -> None:
    async def steps(drill: Drill) -> tuple:
        return await drill.end(await drill.submit([line(1)]))

    with running(batch="failed=1") as url:
        batch, states = drill(url, steps)
    assert states == ["validating", "failed"]
    assert [problem.code for problem in batch.errors.data] == ["token_limit_exceeded"]
    assert (batch.output_file_id, batch.error_file_id) == (None, None)


def test_a_batch_takes_its_seconds_and_can_be_cancelled_meanwhile() -> None:
    async def steps(drill: Drill) -> tuple:
        waited, cancelled = [await drill.submit([line(n) for n in range(8)]) for _ in range(2)]
        began = time.monotonic()
        ended, _ = await drill.end(waited)
        took = time.monotonic() - began
        fresh = await drill.submit([line(n) for n in range(8)])
        assert (await drill.api.batches.cancel(fresh.id)).status == "cancelling"
        assert (await drill.api.batches.cancel(fresh.id)).status == "cancelling"
        gone, _ = await drill.end(await drill.api.batches.retrieve(fresh.id))
        left = await drill.lines(gone.error_file_id)
        await drill.end(cancelled)
        with pytest.raises(openai.ConflictError):
            await drill.api.batches.cancel(cancelled.id)
        return ended, took, gone, left

    with running(batch=BatchPlan(seconds=1.0)) as url:
        ended, took, gone, left = drill(url, steps)
    assert ended.status == "completed"
    assert 0.7 < took < 6
    assert gone.status == "cancelled"
    assert gone.cancelled_at >= gone.cancelling_at
    assert gone.request_counts.completed + len(left) == 8
    assert {one["error"]["code"] for one in left.values()} == {"batch_cancelled"}


def test_a_batch_whose_input_is_broken_can_be_cancelled_before_anybody_looks() -> None:
    async def steps(drill: Drill) -> tuple:
        batch = await drill.submit(b"no json")
        await drill.api.batches.cancel(batch.id)
        return await drill.end(batch)

    with running(batch=BatchPlan(polls=5)) as url:
        batch, _ = drill(url, steps)
    assert batch.status == "cancelled"
    assert batch.output_file_id is None


def test_faults_of_the_answer_reach_batches_and_those_of_http_do_not() -> None:
    async def steps(drill: Drill) -> dict:
        batch, _ = await drill.end(await drill.submit([line(n) for n in range(40)]))
        return await drill.lines(batch.output_file_id)

    with running(faults="fenced=0.3,server_error=0.3,disconnect=0.3") as url:
        output = drill(url, steps)
        fenced = stats(url)["faults"]["fenced"]
    texts = [
        ChatCompletion.model_validate(one["response"]["body"]).choices[0].message.content
        for one in output.values()
    ]
    assert len(texts) == 40
    assert sum(text.startswith("```") for text in texts) == fenced > 0


def test_a_restarted_server_knows_files_and_batches(tmp_path) -> None:
    async def begin(drill: Drill) -> tuple:
        done, _ = await drill.end(await drill.submit([line(n) for n in range(40)]))
        started = await drill.submit([line(n) for n in range(5)])
        await drill.api.batches.retrieve(started.id)
        return done, started, await drill.lines(done.error_file_id)

    async def go_on(drill: Drill) -> tuple:
        listed = [batch async for batch in drill.api.batches.list(limit=1)]
        ended, _ = await drill.end(await drill.api.batches.retrieve(listed[0].id))
        failed = await drill.lines(listed[1].error_file_id)
        again = [line(n) for n in range(40) if f"unit-{n}" in failed]
        later, _ = await drill.end(await drill.submit(again))
        return listed, ended, failed, await drill.lines(later.output_file_id)

    plan = BatchPlan(polls=3, error=0.3)
    with running(batch=plan, state_folder=tmp_path / "state") as url:
        done, started, failed = drill(url, begin)
    with running(batch=plan, state_folder=tmp_path / "state") as url:
        listed, ended, failed_as_read, later = drill(url, go_on)
    assert [batch.id for batch in listed] == [started.id, done.id]
    assert listed[0].status == "in_progress"
    assert listed[1] == done
    assert (ended.id, ended.status) == (started.id, "completed")
    assert failed_as_read == failed
    assert later  # attempts are known, too: what failed does not fail for ever


def test_what_the_api_refuses_at_once() -> None:
    async def steps(drill: Drill) -> None:
        api = drill.api
        file = await api.files.create(file=b"x", purpose="batch")
        create = api.batches.create
        good: Any = {"input_file_id": file.id, "endpoint": CHAT, "completion_window": "24h"}
        for wrong in (
            {"input_file_id": "file-0"},
            {"endpoint": "/v1/embeddings"},
            {"completion_window": "1h"},
        ):
            with pytest.raises(openai.BadRequestError) as caught:
                await create(**{**good, **wrong})
            assert caught.value.param == next(iter(wrong))
        with pytest.raises(openai.BadRequestError):
            await api.files.create(file=b"x", purpose="assistants")
        for call in (api.files.retrieve, api.files.content):
            with pytest.raises(openai.NotFoundError):
                await call("file-../../etc")
        for call in (api.batches.retrieve, api.batches.cancel):
            with pytest.raises(openai.NotFoundError):
                await call("batch_0")
        with pytest.raises(openai.NotFoundError):
            await api.batches.list(after="batch_0")
        with pytest.raises(openai.BadRequestError):
            await api.batches.list(limit=0)
        assert (await api.batches.list()).data == []

    with running() as url:
        drill(url, steps)


def test_the_list_is_newest_first_in_pages() -> None:
    async def steps(drill: Drill) -> tuple:
        made = [(await drill.submit([line(number)])).id for number in range(5)]
        first = await drill.api.batches.list(limit=2)
        return made, first.has_more, [batch.id async for batch in first]

    with running() as url:
        made, more, listed = drill(url, steps)
    assert more
    assert listed == made[::-1]


@pytest.mark.parametrize(
    ("content", "problems"),
    [
        (b"", [("empty_file", None)]),
        (b"\n \n", [("empty_file", None)]),
        (b"no json", [("invalid_json_line", 1)]),
        (b"[1]", [("invalid_json_line", 1)]),
        (b'{"custom_id": "\xff"}', [("invalid_json_line", 1)]),
        (jsonl([line(0), line(0)]), [("duplicate_custom_id", 2)]),
        (jsonl([line(0), line(1, RESPONSES)]), [("url_mismatch", 2)]),
        (jsonl([line(0, method="GET")]), [("url_mismatch", 1)]),
        (jsonl([line(0), line(1, body={"model": "n"})]), [("model_mismatch", 2)]),
        (jsonl([line(0, custom_id=None)]), [("missing_required_parameter", 1)]),
        (jsonl([line(0)]) + b"\n\n{", [("invalid_json_line", 3)]),
    ],
)
def test_what_makes_an_input_unfit_is_named_with_its_line(content, problems) -> None:
    _, found = check(content, CHAT)
    assert [(problem["code"], problem["line"]) for problem in found] == problems

    async def steps(drill: Drill) -> Batch:
        batch, states = await drill.end(await drill.submit(content))
        assert states == ["validating", "failed"]
        return batch

    if problems == [("duplicate_custom_id", 2)]:  # one of them through the server
        with running() as url:
            batch = drill(url, steps)
        assert [(error.code, error.line) for error in batch.errors.data] == problems


def test_more_lines_than_a_batch_may_have(monkeypatch) -> None:
    monkeypatch.setattr(batch_lines, "MAX_LINES", 2)
    assert check(jsonl([line(n) for n in range(2)]), CHAT)[1] == []
    assert [p["code"] for p in check(jsonl([line(n) for n in range(3)]), CHAT)[1]] == [
        "too_many_tasks"
    ]


def test_a_line_that_is_no_judging_request_goes_to_the_error_file() -> None:
    async def steps(drill: Drill) -> tuple:
        odd = line(1, body={"model": "m", "messages": [{"role": "user", "content": "Hello."}]})
        batch, _ = await drill.end(await drill.submit([line(0), odd]))
        return batch, await drill.lines(batch.error_file_id)

    with running() as url:
        batch, failed = drill(url, steps)
    assert (batch.request_counts.completed, batch.request_counts.failed) == (1, 1)
    assert failed["unit-1"]["response"]["status_code"] == 400


@given(st.floats(0, 100), st.integers(0, 9), st.floats(0, 1), st.floats(0, 0.5), st.floats(0, 0.5))
def test_the_text_of_a_plan_is_read_back_as_the_plan(seconds, polls, error, expired, failed):
    plan = BatchPlan(seconds=seconds, polls=polls, error=error, expired=expired, failed=failed)
    assert BatchPlan.parse(str(plan)) == plan


@pytest.mark.parametrize("text", ["seconds=-1", "error=2", "expired=0.6,failed=0.6", "pols=1"])
def test_a_plan_that_makes_no_sense_is_refused(text) -> None:
    with pytest.raises(PlanError):
        BatchPlan.parse(text)
