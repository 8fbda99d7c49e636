"""Judging by batch against a real server: what a run reports, keeps and asks again."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import update

from alignment_monitor.judging.batch import files as batch_files
from alignment_monitor.judging.batch.run import awaited_mark
from alignment_monitor.judging.money import cost
from alignment_monitor.judging.panel import ask_judge
from alignment_monitor.judging.verdicts import verdict_rows
from alignment_monitor.settings import Judging
from alignment_monitor.store import open_store
from alignment_monitor.store.schema import judge_batches
from tests.fakes.batch_server import BatchServer, Cut, Reply
from tests.unit.judging.batching import Runs, states, units

WAIT = 20.0


@pytest.fixture
def store(tmp_path):
    return open_store(f"sqlite:///{tmp_path}/store.sqlite")


@pytest.fixture
def server():
    return BatchServer()


def rejected(code, status=401):
    """The error file, as if each of its lines had failed so."""

    def change(content):
        lines = [json.loads(line) for line in content.splitlines()]
        for line in lines:
            line["error"] = None
            line["response"] = {"status_code": status, "body": {"error": {"code": code}}}
        return "".join(json.dumps(line) + "\n" for line in lines).encode()

    return change


@pytest.mark.parametrize("backend", ["chat", "responses"])
def test_a_run_that_waits_has_all_answers_and_none_is_bought_again(store, server, backend):
    with server.running("seconds=0.3"):
        runs = Runs.of(store, server.url, backend=backend)
        wanted = units(30)
        answers = runs.run(wanted + wanted[:5], WAIT)
        assert states(answers) == {"ok": 30}
        assert all(answer.prompt_tokens for answer in answers.values())
        asked = len(server.requests)
        assert ask_judge(runs.judge, wanted, runs.rubric, Judging(), store) == answers
        assert len(server.requests) == asked
    assert (server.batches, runs.on_their_way()) == (1, [])
    (batch,) = runs.batches()
    ended = ("collected", "completed", 30, 30, 0)
    assert tuple(batch[n] for n in ("status", "outcome", "total", "completed", "failed")) == ended


def test_a_run_that_does_not_wait_leaves_them_awaiting_and_the_next_collects(store, server):
    with server.running("polls=2"):
        runs = Runs.of(store, server.url)
        first = ask_judge(runs.judge, units(6), runs.rubric, Judging(), store)
        assert states(first) == {"awaiting": 6}
        (batch,) = runs.batches()
        assert {awaited_mark(answer.error) for answer in first.values()} == {batch["mark"]}
        rows = verdict_rows(date(2026, 1, 1), units(6), first, runs.judge, runs.rubric, Judging())
        assert {row["status"] for row in rows} == {"awaiting"}
        assert runs.run(units(6)) == first  # still running: the same words, nothing new submitted
        assert states(runs.run(units(6))) == {"ok": 6}
    assert server.batches == 1


def test_the_judge_s_own_setting_says_how_long_to_wait(store, server):
    with server.running("seconds=0.5"):
        runs = Runs.of(store, server.url, batch_wait_minutes=0.5)
        done = []
        answers = ask_judge(
            runs.judge,
            units(3),
            runs.rubric,
            Judging(),
            store,
            on_progress=lambda *now: done.append(now),
        )
    assert states(answers) == {"ok": 3}
    assert (done[0], done[-1]) == ((0, 3), (3, 3))


def test_more_than_a_batch_takes_is_split(store, server, monkeypatch):
    monkeypatch.setattr(batch_files, "MAX_LINES", 7)
    with server.running():
        runs = Runs.of(store, server.url)
        assert states(runs.run(units(20), WAIT)) == {"ok": 20}
    assert [batch["total"] for batch in runs.batches()] == [7, 7, 6]


def test_new_units_go_into_a_new_batch_while_others_are_on_their_way(store, server):
    with server.running("polls=3"):
        runs = Runs.of(store, server.url)
        runs.run(units(4))
        assert states(runs.run(units(6))) == {"awaiting": 6}
        assert [batch["total"] for batch in runs.batches()] == [4, 2]
        assert states(runs.run(units(6), WAIT)) == {"ok": 6}
    assert server.batches == 2


def test_known_conversations_are_asked_afresh_on_each_occasion(store, server):
    days = ["", "2026-01-01", "2026-01-02"]
    wanted = [unit for day in days[:2] for unit in units(3, occasion=day)]
    with server.running():
        runs = Runs.of(store, server.url)
        assert states(runs.run(wanted, WAIT)) == {"ok": 6}
        later = wanted + units(3, occasion=days[2])
        assert states(runs.run(later, WAIT)) == {"ok": 9}
    assert [batch["total"] for batch in runs.batches()] == [6, 3]
    assert {row["occasion"] for row in runs.kept()} == set(days)


def test_a_call_in_a_batch_costs_half(store, server):
    with server.running(model="gpt-5-mini"):
        runs = Runs.of(store, server.url, model="gpt-5-mini")
        answers = runs.run(units(2), WAIT)
    alone = runs.judge.model_copy(update={"batch": False})
    for answer in answers.values():
        tokens = answer.prompt_tokens, answer.completion_tokens
        assert 0 < cost(runs.judge, *tokens) == pytest.approx(cost(alone, *tokens) / 2)
    day = date(2026, 1, 1)
    rows = verdict_rows(day, units(2), answers, runs.judge, runs.rubric, Judging())
    costs = [row["cost_usd"] for row in rows if row.get("cost_usd") is not None]
    assert costs == [
        cost(runs.judge, a.prompt_tokens, a.completion_tokens) for a in answers.values()
    ]


def test_lines_that_failed_fail_in_this_run_and_are_asked_by_the_next(store, server):
    with server.running("error=0.3"):
        runs = Runs.of(store, server.url)
        first = runs.run(units(40), WAIT)
        failed = {key for key, answer in first.items() if answer.status == "failed"}
        assert 4 < len(failed) < 20
        assert server.batches == 1
        reasons = {first[key].error for key in failed}
        assert reasons == {
            "the server answered 500 (server_error)",
            "the batch reports request_timeout",
        }
        second = runs.run(units(40), WAIT)
    assert [batch["total"] for batch in runs.batches()] == [40, len(failed)]
    assert {key: second[key] for key in first.keys() - failed} == {
        key: first[key] for key in first.keys() - failed
    }


def test_what_a_batch_did_not_get_to_is_asked_again_at_once(store, server):
    with server.running("expired=1,only_first=1,done_at_expiry=0.6"):
        runs = Runs.of(store, server.url)
        assert states(runs.run(units(10), WAIT)) == {"ok": 10}
    assert [(b["total"], b["outcome"]) for b in runs.batches()] == [
        (10, "expired"),
        (4, "completed"),
    ]


def test_one_run_does_not_submit_again_and_again_what_keeps_expiring(store, server):
    with server.running("expired=1,done_at_expiry=0"):
        runs = Runs.of(store, server.url)
        answers = runs.run(units(3), WAIT)
        assert states(answers) == {"failed": 3}
        assert {answer.error for answer in answers.values()} == {"its batches expired, 2 in a row"}
        assert server.batches == 2
        assert states(runs.run(units(3))) == {"awaiting": 3}
    assert server.batches == 3


def test_a_batch_that_fails_as_a_whole_names_the_provider_s_code_alone(store, server):
    with server.running("failed=1,only_first=1"):
        runs = Runs.of(store, server.url)
        answers = runs.run(units(5), WAIT)
        assert {answer.error for answer in answers.values()} == {
            "the batch failed: token_limit_exceeded"
        }
        assert states(answers) == {"failed": 5}
        assert states(runs.run(units(5), WAIT)) == {"ok": 5}
    assert [batch["error"] for batch in runs.batches()] == ["token_limit_exceeded", None]


def test_unusable_answers_are_asked_for_again_and_paid_for_each_time(store, server):
    with server.running(faults="wrong_schema=0.4"):
        runs = Runs.of(store, server.url, again_if_invalid=1)
        answers = runs.run(units(40), WAIT)
    first, second = (batch["total"] for batch in runs.batches())
    invalid = [a for a in answers.values() if a.status == "invalid"]
    assert first == 40
    assert 5 < second < 30
    assert states(answers) == {"ok": 40 - len(invalid), "invalid": len(invalid)}
    assert 0 < len(invalid) < second
    once = min(answer.prompt_tokens for answer in answers.values())
    twice = [a for a in answers.values() if a.prompt_tokens > 1.5 * once]
    assert len(twice) == second
    assert len(runs.kept()) == 40


def test_an_unusable_answer_stands_if_asking_again_fails(store, server):
    with server.running(faults="wrong_schema=1"):
        runs = Runs.of(store, server.url, again_if_invalid=1)
        runs.run(units(3))
        runs.run(units(3))  # collects, submits again
    with server.running("failed=1", faults="wrong_schema=1"):
        # Another server, where the second batch is not known; in time it is given up.
        runs.judge = runs.judge.model_copy(update={"base_url": server.url})
        assert states(runs.run(units(3))) == {"awaiting": 3}
        _age(store, timedelta(days=3))
        answers = runs.run(units(3))
    assert states(answers) == {"invalid": 3}
    assert runs.on_their_way() == []


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("invalid_api_key", 401),
        ("forbidden", 403),
        ("model_not_found", 404),
        ("insufficient_quota", 429),
    ],
)
def test_a_line_that_stops_the_judge_stops_it_but_good_lines_are_kept(store, server, code, status):
    first = BatchServer()

    def script(method, path, before):
        # The error file is the second one that is asked for.
        files = {one for _, one in first.requests if one.endswith("/content")}
        is_error_file = path.endswith("/content") and len(files | {path}) == 2
        return rejected(code, status) if is_error_file else None

    first.script = script
    with first.running("error=0.3"):
        runs = Runs.of(store, first.url)
        runs.run(units(20))
        answers = runs.run(units(25))
    assert first.batches == 1  # the five new units are not submitted
    assert states(answers)["ok"] > 5
    assert {a.error for a in answers.values() if a.status == "failed"} == {
        f"the server answered {status} ({code})"
    }


@pytest.mark.parametrize("path", ["/v1/files", "/v1/batches"])
def test_a_server_that_refuses_the_key_stops_the_judge_and_holds_no_claims(store, server, path):
    refusal = Reply(401, b'{"error": {"code": "invalid_api_key", "message": "secret text"}}')
    server.script = lambda method, asked, before: refusal if asked == path else None
    with server.running():
        runs = Runs.of(store, server.url)
        answers = runs.run(units(4), WAIT)
        assert {a.error for a in answers.values()} == {
            "judge 'judge': the server answered 401 (invalid_api_key)"
        }
        assert runs.on_their_way() == []
        server.script = lambda method, asked, before: None
        assert states(runs.run(units(4), WAIT)) == {"ok": 4}


def test_a_dead_key_leaves_what_was_bought_awaiting_and_does_not_wait(store, server):
    with server.running("polls=1"):
        runs = Runs.of(store, server.url)
        runs.run(units(3))
        refusal = Reply(401, b'{"error": {"code": "invalid_api_key"}}')
        server.script = lambda method, asked, before: refusal
        answers = runs.run(units(5), 600.0)
        assert states(answers) == {"awaiting": 3, "failed": 2}
        server.script = lambda method, asked, before: None
        assert states(runs.run(units(5), WAIT)) == {"ok": 5}
    assert [batch["total"] for batch in runs.batches()] == [3, 2]


def test_no_key_fails_what_is_new_and_what_is_on_its_way_stays_so(store, server, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with server.running():
        runs = Runs.of(store, server.url)
        runs.run(units(3))
    runs.judge = runs.judge.model_copy(update={"base_url": None})
    answers = runs.run(units(4))
    assert states(answers) == {"awaiting": 3, "failed": 1}
    assert any("OPENAI_API_KEY" in (answer.error or "") for answer in answers.values())


def test_a_simulated_judge_in_a_batch_is_not_taken_for_a_real_one(store, server):
    with server.running(model="simulated-judge"):
        answers = Runs.of(store, server.url).run(units(3), WAIT)
        assert states(answers) == {"failed": 3}
        assert all("simulated" in answer.error for answer in answers.values())
        marked = Runs.of(store, server.url, simulated=True)
        assert states(marked.run(units(3), WAIT)) == {"ok": 3}


def test_a_file_that_breaks_off_is_read_on_by_the_next_look(store, server):
    def script(method, path, before):
        return Cut(after=30_000) if path.endswith("/content") and before == 0 else None

    server.script = script
    with server.running():
        runs = Runs.of(store, server.url)
        runs.run(units(40))
        first = runs.run(units(40))
        assert states(first).keys() == {"ok", "awaiting"}
        assert len(runs.kept()) == states(first)["ok"]
        assert states(runs.run(units(40))) == {"ok": 40}
    assert server.batches == 1


def test_a_file_that_ends_early_without_a_word_is_not_believed(store, server):
    def script(method, path, before):
        def head(content):
            return b"\n".join(content.split(b"\n")[:3]) + b"\n"

        return head if path.endswith("/content") and before < 2 else None

    server.script = script
    with server.running():
        runs = Runs.of(store, server.url)
        runs.run(units(8))
        assert states(runs.run(units(8))) == {"ok": 3, "awaiting": 5}
        _age(store, timedelta(days=3))
        assert states(runs.run(units(8))) == {"ok": 3, "failed": 5}  # it will not get better
        assert states(runs.run(units(8), WAIT)) == {"ok": 8}
    assert [batch["total"] for batch in runs.batches()] == [8, 5]


def test_odd_lines_hurt_only_themselves(store, server):
    odd = ["\u2028", "\x85", "\ud800 and \x00"]

    def script(method, path, before):
        def change(content):
            lines = content.split(b"\n")[:-1]
            given = [json.loads(line) for line in lines]
            for line, sign in zip(given, odd, strict=False):
                answer = line["response"]["body"]["choices"][0]["message"]
                answer["content"] = json.dumps(
                    json.loads(answer["content"]) | {"rationale": sign}, ensure_ascii=False
                )
            given[5]["response"]["body"] = "<html>"
            given[6]["response"]["body"]["choices"] = [{"message": None}]
            good = [json.dumps(line, ensure_ascii="ud800" in repr(line)) for line in given]
            stranger = json.dumps(given[7] | {"custom_id": "somebody:else"})
            extra = ["", "garbage", "null", "[1]", '{"custom_id": 5}', stranger, "[" * 100_000]
            return "\n".join([*extra, *good, good[0]]).encode()

        return change if path.endswith("/content") else None

    server.script = script
    with server.running():
        runs = Runs.of(store, server.url)
        runs.run(units(12))
        answers = runs.run(units(12))
    assert states(answers) == {"ok": 10, "failed": 2}
    assert {answer.error for answer in answers.values() if answer.status == "failed"} == {
        "the server sent something other than an answer"
    }
    kept = {json.loads(row["answer"])["rationale"] for row in runs.kept() if row["status"] == "ok"}
    assert {"\u2028", "\x85", "\ufffd and \x00"} <= kept


def test_what_this_run_was_not_given_is_left_to_the_run_that_has_it(store, server):
    with server.running():
        runs = Runs.of(store, server.url)
        runs.run(units(10))
        assert states(runs.run(units(4))) == {"ok": 4}
        assert runs.batches()[0]["status"] == "ended"
        assert len(runs.on_their_way()) == 6
        assert states(runs.run(units(6, first=4))) == {"ok": 6}
    assert runs.batches()[0]["status"] == "collected"
    assert server.batches == 1
    assert len(runs.kept()) == 10


def test_a_cancelled_batch_keeps_what_it_has_and_is_not_submitted_again_at_once(store, server):
    import openai

    with server.running("seconds=1"):
        runs = Runs.of(store, server.url)
        runs.run(units(10))
        with openai.OpenAI(base_url=server.url, api_key="x") as client:
            client.batches.cancel(runs.batches()[0]["batch_id"])
        answers = runs.run(units(10), WAIT)
    assert server.batches == 1
    assert states(answers).get("failed", 0) > 0
    assert {a.error for a in answers.values() if a.status == "failed"} == {
        "the batch reports batch_cancelled"
    }


@pytest.mark.parametrize("lost", ["batch", "files"])
def test_answers_that_the_provider_has_no_longer_are_bought_again_in_the_end(store, server, lost):
    missing = Reply(404, b'{"error": {"message": "No such object"}}')

    def script(method, path, before):
        if lost == "files":
            return missing if path.endswith("/content") else None
        return missing if path.startswith("/v1/batches/") else None

    with server.running():
        runs = Runs.of(store, server.url)
        runs.run(units(3))
        server.script = script
        if lost == "batch":
            assert states(runs.run(units(3))) == {"awaiting": 3}  # perhaps the key is another's
            _age(store, timedelta(days=3))
        assert states(runs.run(units(3))) == {"failed": 3}
        server.script = lambda method, path, before: None
        assert states(runs.run(units(3), WAIT)) == {"ok": 3}
    assert server.batches == 2


def _age(store, by):
    with store.begin() as connection:
        created = datetime.now(UTC) - by
        connection.execute(update(judge_batches).values(created_at=created))
