import asyncio
import json
import os
import signal
import time
from collections import Counter

import pytest

from alignment_monitor.judging.backends import judge_key
from alignment_monitor.judging.backends.structured import StructuredBackend
from alignment_monitor.judging.engine import JudgingInterrupted, judge_units
from alignment_monitor.judging.journal import Journal
from alignment_monitor.judging.limits import Limits
from alignment_monitor.judging.verdicts import verdict_rows
from alignment_monitor.judging.window import make_unit
from alignment_monitor.settings import Judge, Judging
from alignment_monitor.store import open_store
from tests.fakes.judge_api import JudgeApi, completion


def units(count):
    return [
        make_unit(
            f"c{i}",
            1,
            [
                {"index": 0, "role": "user", "content": f"question {i}"},
                {"index": 1, "role": "assistant", "content": f"You are right, {i}"},
            ],
            context_messages=6,
            max_tokens=3000,
        )
        for i in range(count)
    ]


@pytest.fixture
def ask(tmp_path, rubric):
    """Judges units against a scripted server: (api, units, judge settings) -> answers."""

    def run(api, wanted, **settings):
        settings = {"again_if_invalid": 0, **settings}
        with api.running() as address:
            judge = Judge(**{"base_url": address, "concurrency": 4, "max_retries": 2, **settings})
            journal = Journal(
                open_store(f"sqlite:///{tmp_path}/store.sqlite"),
                judge_key(judge, rubric, Judging()),
                rubric.full_version,
            )

            async def judged():
                limits = Limits(judge.concurrency, judge.requests_per_minute)
                return await judge_units(
                    wanted,
                    backend=StructuredBackend(judge, rubric, limits),
                    journal=journal,
                    limits=limits,
                    again_if_invalid=judge.again_if_invalid,
                )

            return judge, asyncio.run(judged())

    return run


def test_each_unit_is_asked_once_and_never_again(ask, answer):
    api = JudgeApi(lambda n, body: (200, {}, completion(json.dumps(answer("claim")))))
    wanted = units(20)
    _, answers = ask(api, wanted + wanted[:5])
    assert Counter(a.status for a in answers.values()) == {"ok": 20}
    assert len(api.requests) == 20
    _, again = ask(api, wanted)
    assert len(api.requests) == 20
    assert again == answers


def test_faults_are_retried_and_one_bad_unit_does_not_hurt_the_others(ask, answer):
    good = completion(json.dumps(answer("claim")))

    def script(number, body):
        text = body["messages"][1]["content"]
        if "question 3\n" in text:
            return 400, {}, '{"error": {"message": "bad"}}'
        if number in (2, 5):
            return 429, {"retry-after": "0"}, "{}"
        if number == 4:
            return 0, {}, ""
        if "question 6\n" in text:
            return 200, {}, completion("not json")
        if "question 7\n" in text:
            return 200, {}, completion("", refusal="no")
        return 200, {}, good

    _, answers = ask(JudgeApi(script), units(12))
    assert Counter(a.status for a in answers.values()) == {
        "ok": 9, "failed": 1, "invalid": 1, "refused": 1,
    }  # fmt: skip


def test_failed_calls_are_asked_again_but_answered_ones_are_not(ask, answer):
    good = completion(json.dumps(answer()))
    broken = JudgeApi(
        lambda n, body: (
            (400, {}, "{}") if "question 1\n" in body["messages"][1]["content"] else (200, {}, good)
        )
    )
    ask(broken, units(4))
    healed = JudgeApi(lambda n, body: (200, {}, good))
    _, answers = ask(healed, units(4))
    assert len(healed.requests) == 1
    assert {a.status for a in answers.values()} == {"ok"}


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "invalid_api_key"),
        (403, "forbidden"),
        (404, "model_not_found"),
        (429, "insufficient_quota"),
    ],
)
def test_a_judge_that_cannot_go_on_is_not_asked_again_and_again(ask, status, code):
    body = json.dumps({"error": {"message": "x", "code": code}})
    api = JudgeApi(lambda n, _: (status, {"x-should-retry": "false"}, body))
    _, answers = ask(api, units(50))
    assert len(api.requests) <= 4  # those in flight
    assert {a.status for a in answers.values()} == {"failed"}
    assert all(code in a.error for a in answers.values())


def test_verdict_rows_carry_the_cost_once_and_the_returned_model(ask, answer, rubric):
    from datetime import date

    good = completion(json.dumps(answer("claim")), model="judge-1-2026-01-01")
    prices = {"usd_per_million_prompt_tokens": 1.0, "usd_per_million_completion_tokens": 10.0}
    judge, answers = ask(JudgeApi(lambda n, body: (200, {}, good)), units(2), **prices)
    rows = verdict_rows(date(2026, 1, 1), units(2), answers, judge, rubric, Judging())
    costs = [row["cost_usd"] for row in rows if row.get("cost_usd") is not None]
    assert costs == pytest.approx([2e-4, 2e-4])
    assert all("judge-1-2026-01-01" in row["fingerprint"] for row in rows)


@pytest.mark.parametrize(
    "body",
    ["<html>login</html>", '{"choices": [{"mess', '{"choices": [{"message": null}]}', "null"],
)
def test_a_page_in_place_of_an_answer_fails_its_unit_alone(ask, answer, body):
    good = completion(json.dumps(answer()))
    kind = {"content-type": "text/html"} if body.startswith("<") else {}

    def script(number, request):
        odd = "question 1\n" in request["messages"][1]["content"]
        return (200, kind, body) if odd else (200, {}, good)

    _, answers = ask(JudgeApi(script), units(4))
    assert Counter(a.status for a in answers.values()) == {"ok": 3, "failed": 1}


def test_answers_of_a_server_that_names_no_model_are_kept(ask, answer):
    nameless = json.loads(completion(json.dumps(answer())))
    del nameless["model"]
    api = JudgeApi(lambda n, body: (200, {}, json.dumps(nameless)))
    ask(api, units(3))
    ask(api, units(3))
    assert len(api.requests) == 3


def test_a_simulated_judge_is_never_taken_for_a_real_one(ask, answer):
    fake = completion(json.dumps(answer()), model="simulated-judge")
    _, answers = ask(JudgeApi(lambda n, body: (200, {}, fake)), units(3))
    assert {a.status for a in answers.values()} == {"failed"}
    assert all("simulated" in a.error for a in answers.values())
    _, answers = ask(JudgeApi(lambda n, body: (200, {}, fake)), units(3), simulated=True)
    assert {a.status for a in answers.values()} == {"ok"}


def test_a_missing_key_is_said_and_no_default_answers(monkeypatch, rubric):
    from alignment_monitor.judging.backends import JudgeStoppedError

    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(JudgeStoppedError, match="OPENAI_API_KEY"):
        StructuredBackend(Judge(), rubric)


def test_an_unusable_answer_is_asked_for_again_and_both_are_paid_for(ask, answer):
    good = completion(json.dumps(answer()))

    def script(number, body):
        return 200, {}, good if number > 2 else completion("I would rather not say")

    api = JudgeApi(script)
    _, answers = ask(api, units(1), again_if_invalid=1)
    [given] = answers.values()
    assert (given.status, given.prompt_tokens, len(api.requests)) == ("invalid", 200, 2)

    api = JudgeApi(lambda n, body: (200, {}, good if n > 1 else completion("no")))
    _, answers = ask(api, units(2)[1:], again_if_invalid=1)
    [given] = answers.values()
    assert (given.status, given.prompt_tokens, len(api.requests)) == ("ok", 200, 2)


def test_an_unusable_answer_stands_if_asking_again_fails(ask, answer):
    api = JudgeApi(lambda n, body: (200, {}, completion("no")) if n == 1 else (400, {}, "{}"))
    _, answers = ask(api, units(1), again_if_invalid=1)
    assert [a.status for a in answers.values()] == ["invalid"]


def test_a_server_that_only_fails_is_taken_for_gone(ask):
    api = JudgeApi(lambda n, body: (400, {}, "{}"))
    _, answers = ask(api, units(200))
    assert len(api.requests) < 50
    assert {a.status for a in answers.values()} == {"failed"}
    assert any("in a row failed" in a.error for a in answers.values())


def test_a_long_retry_after_puts_the_call_back_and_slows_the_others(ask, answer, monkeypatch):
    from alignment_monitor.judging import limits

    monkeypatch.setattr(limits, "LONGEST_PAUSE_SECONDS", 0.2)
    good = completion(json.dumps(answer()))

    def script(number, body):
        if number <= 3:  # longer than the client waits by itself
            return 429, {"retry-after": "500"}, "{}"
        return 200, {}, good

    _, answers = ask(JudgeApi(script), units(10))
    assert Counter(a.status for a in answers.values()) == {"ok": 10}


def test_a_spent_quota_is_not_asked_again_by_the_client(ask):
    body = json.dumps({"error": {"message": "x", "code": "insufficient_quota"}})
    api = JudgeApi(lambda n, _: (429, {}, body))
    _, answers = ask(api, units(50), max_retries=4, concurrency=2)
    assert len(api.requests) <= 2
    assert all("insufficient_quota" in a.error for a in answers.values())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_keeps_what_was_paid_for(ask, answer, tmp_path, number):
    good = completion(json.dumps(answer()))

    def script(count, body):
        if count == 6:
            os.kill(os.getpid(), number)
        time.sleep(0.05)
        return 200, {}, good

    api = JudgeApi(script)
    before = signal.getsignal(number)
    with pytest.raises(JudgingInterrupted, match="answers kept"):
        ask(api, units(50))
    assert signal.getsignal(number) is before
    asked = len(api.requests)
    assert 6 <= asked <= 12
    again = JudgeApi(lambda n, body: (200, {}, good))
    _, answers = ask(again, units(50))
    assert len(answers) == 50
    assert asked + len(again.requests) == 50  # nothing that was answered is asked again


def test_a_stop_while_an_unusable_answer_is_asked_again_keeps_that_answer(ask):
    stop = json.dumps({"error": {"message": "x", "code": "insufficient_quota"}})
    api = JudgeApi(lambda n, body: (200, {}, completion("no")) if n == 1 else (429, {}, stop))
    _, answers = ask(api, units(3), again_if_invalid=1, concurrency=1)
    assert Counter(a.status for a in answers.values()) == {"invalid": 1, "failed": 2}


def test_one_answer_that_no_store_takes_does_not_cost_the_others(ask, answer):
    odd = completion(json.dumps(answer()), model="judge\ud800\x00")
    good = completion(json.dumps(answer()))
    api = JudgeApi(lambda n, body: (200, {}, odd if n % 3 == 0 else good))
    _, answers = ask(api, units(20), concurrency=8)
    assert Counter(a.status for a in answers.values()) == {"ok": 20}
    _, again = ask(JudgeApi(lambda n, body: (500, {}, "")), units(20))
    assert Counter(a.status for a in again.values()) == {"ok": 20}


def test_repeats_of_unusable_answers_keep_to_the_limits_too(ask):
    api = JudgeApi(lambda n, body: (200, {}, completion("no")))
    began = time.monotonic()
    ask(api, units(4), again_if_invalid=2, requests_per_minute=240, concurrency=4)
    assert len(api.requests) == 12
    assert time.monotonic() - began > 1.5  # 4 a second, the first 4 at once
