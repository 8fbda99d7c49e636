import asyncio
import json
import math
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter, defaultdict
from dataclasses import fields

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion
from openai.types.responses import Response

from alignment_monitor.judging.rubric import load_rubric
from alignment_monitor.simulation.judge import SimulatedJudge
from alignment_monitor.simulation.server.faults import Fault, FaultPlan, Latency
from alignment_monitor.simulation.server.plans import PlanError
from alignment_monitor.simulation.truth import Truth, text_key
from tests.fakes.fault_server import MODULE, log_lines, prompt, running, stats

EXAMPLE = (
    "rate_limit=0.05,rate_limit_after=0.05,server_error=0.05,timeout=0.02,truncated=0.02,"
    "invalid_json=0.02,refusal=0.01,wrong_schema=0.02,fenced=0.03,trailing_prose=0.03,"
    "slow_drip=0.01,length=0.01,empty=0.01,disconnect=0.01,insufficient_quota=0,unauthorised=0,"
    "forbidden=0,unknown_model=0,question_refusal=0.05"
)
EVERY = FaultPlan(
    **dict.fromkeys(Fault, 1 / (len(Fault) + 1)),
    drip_seconds=0.3,
    retry_after_seconds=7,
)
"""Each fault and no fault equally often."""
SEED = 3
EACH = 2
"""Texts to try for each fault."""


def texts_by_fault(plan: FaultPlan, endpoint: str) -> dict[Fault | None, list[str]]:
    """Texts whose first request meets each fault, as the plan alone foretells."""
    found: dict[Fault | None, list[str]] = defaultdict(list)
    number = 0
    while len(found) <= len(Fault) or min(map(len, found.values())) < EACH:
        text = f"It is so, says answer {number}."
        found[plan.of(SEED, endpoint, text_key(text), 1)].append(text)
        number += 1
    return {fault: texts[:EACH] for fault, texts in found.items()}


def judge_answer(text: str) -> dict:
    return SimulatedJudge(Truth({}), load_rubric(), SEED).answer(text)


def client(url: str, **options) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=url, api_key="none", **{"max_retries": 0, **options})


def gather(url: str, call, items: list, **options) -> list:
    """Call for all items at once; gives replies and exceptions."""

    async def run() -> list:
        async with client(url, **options) as api:
            return await asyncio.gather(*(call(api, i) for i in items), return_exceptions=True)

    return asyncio.run(run())


async def chat(api: openai.AsyncOpenAI, text: str):
    turns = [{"role": "system", "content": "Judge."}, {"role": "user", "content": prompt(text)}]
    return await api.chat.completions.create(model="m", messages=turns)


async def respond(api: openai.AsyncOpenAI, text: str):
    return await api.responses.create(model="m", instructions="Judge.", input=prompt(text))


# --- plans


def test_a_plan_is_read_from_a_short_text() -> None:
    plan = FaultPlan.parse(EXAMPLE)
    assert (plan.rate_limit, plan.timeout, plan.question_refusal) == (0.05, 0.02, 0.05)
    assert plan.unauthorised == 0
    assert FaultPlan.parse("") == FaultPlan()
    assert FaultPlan.parse(" timeout = 0.5 , only_first=2,") == FaultPlan(timeout=0.5, only_first=2)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("rate_limits=0.1", "'rate_limits' is unknown; there are rate_limit, "),
        ("timeout=often", "timeout needs a number, not 'often'"),
        ("timeout", "timeout needs a number, not ''"),
        ("timeout=1.5", "timeout is a share between 0 and 1, not 1.5"),
        ("timeout=nan", "timeout is a share between 0 and 1, not nan"),
        ("timeout=0.1,timeout=0.2", "timeout is named twice"),
        ("timeout=0.7,refusal=0.7", "add up to 1.4"),
        ("drip_seconds=-1", "drip_seconds is 0 or more"),
        ("only_first=0.5", "only_first needs a number"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(text, problem) -> None:
    with pytest.raises(PlanError, match=problem):
        FaultPlan.parse(text)


SHARES = st.lists(st.floats(0, 1), min_size=len(Fault), max_size=len(Fault)).map(
    lambda numbers: [number / max(1.0, math.fsum(numbers)) for number in numbers]
)


@given(SHARES, st.floats(0, 1), st.floats(0, 1e6), st.integers(0, 9))
def test_the_text_of_a_plan_is_read_back_as_the_plan(shares, refused, seconds, first) -> None:
    named = dict(zip(Fault, shares, strict=True))
    plan = FaultPlan(**named, question_refusal=refused, hang_seconds=seconds, only_first=first)
    assert FaultPlan.parse(str(plan)) == plan


def test_each_kind_of_fault_is_a_field_of_the_plan() -> None:
    names = {field.name for field in fields(FaultPlan)}
    assert names.issuperset(Fault)


def test_faults_come_in_their_shares_and_for_the_same_requests_again() -> None:
    plan = FaultPlan(rate_limit=0.2, timeout=0.1, fenced=0.05)
    requests = [("chat", f"key{number}", 1) for number in range(20_000)]
    drawn = [plan.of(1, *request) for request in requests]
    counts = Counter(drawn)
    for fault, share in ((Fault.RATE_LIMIT, 0.2), (Fault.TIMEOUT, 0.1), (Fault.FENCED, 0.05)):
        error = math.sqrt(share * (1 - share) / len(requests))
        assert abs(counts[fault] / len(requests) - share) < 5 * error
    assert drawn == [plan.of(1, *request) for request in requests]
    for other in (2, "chat", 1), (1, "responses", 1), (1, "chat", 2):
        seed, endpoint, attempt = other
        assert drawn != [plan.of(seed, endpoint, key, attempt) for _, key, _ in requests]


@given(st.text(max_size=20), st.integers(1, 5))
def test_a_share_of_one_meets_every_request_and_only_first_ends_it(key, attempt) -> None:
    assert FaultPlan(empty=1.0).of(0, "chat", key, attempt) is Fault.EMPTY
    tenths = FaultPlan(**dict.fromkeys(list(Fault)[:10], 0.1))
    assert tenths.of(0, "chat", key, attempt) is not None
    first = FaultPlan(empty=1.0, question_refusal=1.0, only_first=2)
    assert (first.of(0, "chat", key, attempt) is None) == (attempt > 2)
    assert first.refuses(0, "claim", key, attempt) == (attempt <= 2)


def test_a_latency_is_constant_or_has_the_median_and_tail_it_names() -> None:
    assert Latency.parse("").seconds(0.99) == 0
    assert Latency.parse("200").seconds(0.99) == 0.2
    spread = Latency.parse("200/800")
    assert spread.seconds(0.5) == pytest.approx(0.2)
    assert spread.seconds(0.95) == pytest.approx(0.8)
    assert Latency.parse(str(spread)) == spread
    for text in ("soon", "200/100", "0/5", "-1", "200/", "nan", "200/inf"):
        with pytest.raises(PlanError):
            Latency.parse(text)


# --- what the client meets


def has_status(kind: type[openai.APIStatusError], code: str | None, retry_after: str | None = None):
    def check(reply, _text) -> None:
        assert type(reply) is kind
        assert reply.code == code
        assert reply.response.headers.get("retry-after") == retry_after

    return check


def raises(kind: type[Exception]):
    def check(reply, _text) -> None:
        assert type(reply) is kind

    return check


HTTP_CHECKS = {
    Fault.RATE_LIMIT: has_status(openai.RateLimitError, "rate_limit_exceeded"),
    Fault.RATE_LIMIT_AFTER: has_status(openai.RateLimitError, "rate_limit_exceeded", "7"),
    Fault.SERVER_ERROR: has_status(openai.InternalServerError, None),
    Fault.TIMEOUT: raises(openai.APITimeoutError),
    Fault.TRUNCATED: raises(openai.APIConnectionError),
    Fault.DISCONNECT: raises(openai.APIConnectionError),
    Fault.INSUFFICIENT_QUOTA: has_status(openai.RateLimitError, "insufficient_quota"),
    Fault.UNAUTHORISED: has_status(openai.AuthenticationError, "invalid_api_key"),
    Fault.FORBIDDEN: has_status(
        openai.PermissionDeniedError, "unsupported_country_region_territory"
    ),
    Fault.UNKNOWN_MODEL: has_status(openai.NotFoundError, "model_not_found"),
}


def check_text(fault: Fault | None, said: str, text: str) -> None:
    whole = json.dumps(judge_answer(text), ensure_ascii=False)
    if fault in (None, Fault.SLOW_DRIP):
        assert said == whole
    elif fault is Fault.EMPTY:
        assert said == ""
    elif fault is Fault.LENGTH:
        assert said == whole[: len(whole) // 2]
    elif fault in (Fault.FENCED, Fault.TRAILING_PROSE):
        assert whole in said
        assert said.startswith("```json\n" if fault is Fault.FENCED else "Here is")
        with pytest.raises(json.JSONDecodeError):
            json.loads(said)
    elif fault is Fault.INVALID_JSON:
        assert said.startswith("{'rationale'")
    else:
        assert fault is Fault.WRONG_SCHEMA
        assert json.loads(said)["guards"] is None


def check_chat(fault: Fault | None, reply, text: str) -> None:
    if fault is Fault.INVALID_BODY:
        assert "<html>" in reply
        return
    ChatCompletion.model_validate(reply.to_dict())  # the client itself does not check
    choice = reply.choices[0]
    assert choice.finish_reason == ("length" if fault is Fault.LENGTH else "stop")
    if fault is Fault.REFUSAL:
        assert choice.message.content is None
        assert choice.message.refusal
    else:
        assert choice.message.refusal is None
        check_text(fault, choice.message.content, text)


def check_response(fault: Fault | None, reply, text: str) -> None:
    if fault is Fault.INVALID_BODY:
        assert "<html>" in reply
        return
    Response.model_validate(reply.to_dict())
    assert reply.status == ("incomplete" if fault is Fault.LENGTH else "completed")
    if fault is Fault.LENGTH:
        assert reply.incomplete_details.reason == "max_output_tokens"
    if fault is Fault.REFUSAL:
        assert reply.output[0].content[0].type == "refusal"
        assert reply.output[0].content[0].refusal
    else:
        check_text(fault, reply.output_text, text)
        assert reply.usage.total_tokens == reply.usage.input_tokens + reply.usage.output_tokens


@pytest.mark.parametrize(
    ("endpoint", "call", "check"),
    [("chat", chat, check_chat), ("responses", respond, check_response)],
)
def test_the_client_meets_each_fault_and_the_log_says_so(tmp_path, endpoint, call, check) -> None:
    expected = texts_by_fault(EVERY, endpoint)
    asked = [(fault, text) for fault, texts in expected.items() for text in texts]
    log = tmp_path / "log.jsonl"
    with running(faults=EVERY, seed=SEED, log=log) as url:
        replies = gather(url, call, [text for _, text in asked], timeout=2.5)
        lines = log_lines(log, len(asked))
        counted = stats(url)
    for (fault, text), reply in zip(asked, replies, strict=True):
        if fault in HTTP_CHECKS:
            HTTP_CHECKS[fault](reply, text)
        else:
            assert not isinstance(reply, Exception), fault
            check(fault, reply, text)

    fault_of = {text_key(text): fault for fault, text in asked}
    assert {line["key"]: line["fault"] for line in lines} == fault_of
    assert all(line["endpoint"] == endpoint and line["attempt"] == 1 for line in lines)
    assert {line["fault"] for line in lines if line["sent"]} == set(fault_of.values()) - set(
        HTTP_CHECKS
    )
    assert counted["faults"] == {fault.value: EACH for fault in Fault}
    assert counted["requests"][endpoint] == len(asked)
    assert counted["answers_sent"] == sum(line["sent"] for line in lines)
    assert counted["in_flight"] == 0


def test_a_retry_succeeds_when_only_first_attempts_fail() -> None:
    plan = FaultPlan(rate_limit_after=1.0, retry_after_seconds=0.02, only_first=2)
    with running(faults=plan, seed=SEED) as url:
        replies = gather(url, chat, ["One.", "Two."], max_retries=2)
        for reply, text in zip(replies, ["One.", "Two."], strict=True):
            check_chat(None, reply, text)
        assert stats(url)["requests"]["chat"] == 6
        assert stats(url)["faults"] == {"rate_limit_after": 4}


def test_an_answer_takes_its_latency_and_one_given_up_counts_as_not_sent(tmp_path) -> None:
    log = tmp_path / "log.jsonl"
    with running(latency="400", log=log) as url:
        began = time.monotonic()
        gather(url, chat, ["Warm."])
        assert 0.4 <= time.monotonic() - began < 3
        (gone,) = gather(url, chat, ["Late."], timeout=0.1)
        assert type(gone) is openai.APITimeoutError
        warm, late = log_lines(log, 2)
        assert (warm["sent"], warm["status"]) == (True, 200)
        assert (late["key"], late["sent"], late["fault"]) == (text_key("Late."), False, None)
        assert stats(url)["answers_sent"] == 1


def test_a_dripping_answer_that_is_given_up_counts_as_not_sent(tmp_path) -> None:
    log = tmp_path / "log.jsonl"
    with running(faults=FaultPlan(slow_drip=1.0, drip_seconds=60), log=log) as url:

        async def impatient(api, text):
            async with asyncio.timeout(0.8):  # no read lasts as long as the client's own timeout
                return await chat(api, text)

        (gone,) = gather(url, impatient, ["Slow."], timeout=0.6)
        assert isinstance(gone, TimeoutError)
        assert [line["sent"] for line in log_lines(log, 1)] == [False]


def test_an_answer_on_a_connection_that_is_then_closed_counts_as_sent(tmp_path) -> None:
    log = tmp_path / "log.jsonl"
    body = json.dumps({"messages": [{"role": "user", "content": prompt("Once.")}]}).encode()
    with running(log=log) as url:
        urllib.request.urlopen(f"{url}/chat/completions", data=body).read()  # it asks to close
        assert [line["sent"] for line in log_lines(log, 1)] == [True]


def test_a_client_that_hangs_up_holds_up_nobody(tmp_path) -> None:
    log = tmp_path / "log.jsonl"
    body = json.dumps({"messages": [{"role": "user", "content": prompt("Dead.")}]}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
    with running(log=log, latency="300") as url:
        with socket.create_connection(("127.0.0.1", int(url.split(":")[2][:-3]))) as client_socket:
            client_socket.sendall(head.encode() + body)
            time.sleep(0.1)  # gone while the answer is in the making
        assert [line["sent"] for line in log_lines(log, 1)] == [False]
        assert isinstance(gather(url, chat, ["Alive."])[0].id, str)


def test_it_leaves_at_once_and_quietly_while_requests_hang(tmp_path) -> None:
    from alignment_monitor.simulation.truth import add_labels

    add_labels(tmp_path / "truth.parquet", [])
    options = [f"--truth={tmp_path / 'truth.parquet'}", f"--port-file={tmp_path / 'port'}"]
    options += ["--faults=timeout=1", f"--log={tmp_path / 'log.jsonl'}"]
    process = subprocess.Popen(
        [sys.executable, "-m", MODULE, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    url = process.stdout.readline().split()[-1]

    async def run() -> list:
        async with client(url) as api:
            calls = [asyncio.create_task(chat(api, f"Text {n}.")) for n in range(5)]
            while (await asyncio.to_thread(stats, url))["in_flight"] < 5:
                await asyncio.sleep(0.02)
            process.send_signal(signal.SIGTERM)
            return await asyncio.gather(*calls, return_exceptions=True)

    began = time.monotonic()
    replies = asyncio.run(run())
    _, err = process.communicate(timeout=10)
    assert {type(reply) for reply in replies} == {openai.APIConnectionError}
    assert time.monotonic() - began < 8
    assert err == ""
    assert [line["sent"] for line in log_lines(tmp_path / "log.jsonl", 5)] == [False] * 5


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ("--faults=unknown=1", "'unknown' is unknown; there are"),
        ("--latency=soon", "a latency is 200 or 200/800"),
        ("--batch=seconds=x", "seconds needs a number"),
        ("--batch-seconds=-1", "seconds is 0 or more"),
    ],
)
def test_a_wrong_option_is_named_at_start(tmp_path, option, problem) -> None:
    from alignment_monitor.simulation.truth import add_labels

    add_labels(tmp_path / "truth.parquet", [])
    done = subprocess.run(
        [sys.executable, "-m", MODULE, f"--truth={tmp_path / 'truth.parquet'}", option],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert problem in done.stderr
    assert "Traceback" not in done.stderr


def test_a_plan_with_another_seed_meets_other_requests() -> None:
    texts = [f"Text {number}." for number in range(40)]
    plan = FaultPlan(server_error=0.5)

    def failed(seed: int) -> list[bool]:
        with running(faults=plan, seed=seed) as url:
            return [isinstance(reply, openai.APIError) for reply in gather(url, chat, texts)]

    one, again, other = failed(1), failed(1), failed(2)
    assert one == again
    assert one != other
