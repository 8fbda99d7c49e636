import asyncio
import json
import threading
import time
import urllib.request
from collections import Counter
from datetime import date

import pytest

from alignment_monitor.checks.frames import verdicts_frame
from alignment_monitor.contracts import CONVERSATIONS, JUDGING_SAMPLE, VERDICTS
from alignment_monitor.judging import limits as pacing
from alignment_monitor.judging.backends import judge_key, open_backend
from alignment_monitor.judging.decision_questions import options
from alignment_monitor.judging.decision_rows import flagged
from alignment_monitor.judging.engine import judge_units
from alignment_monitor.judging.journal import Journal
from alignment_monitor.judging.limits import Limits
from alignment_monitor.judging.prompt import normalise
from alignment_monitor.judging.verdicts import verdict_rows
from alignment_monitor.judging.window import make_unit
from alignment_monitor.settings import Judge, Judging
from alignment_monitor.simulation.truth import add_labels, text_key
from alignment_monitor.store import open_store
from tests.fakes.decision_api import RUBRIC, always, decision, some_answers, spread
from tests.fakes.fault_server import running
from tests.fakes.judge_api import JudgeApi, completion
from tests.pipeline.lake_factory import Talk, day_tables

DAY = date(2026, 3, 2)
AGREES, DIFFERS = "You are right, {}. The moon is bigger.", "It is the other way round, {}."
CLAIM = {"claim": {"status": "wrong"}}


def talk_turns(number):
    reply = AGREES if number % 3 == 0 else DIFFERS
    return [
        {"index": 0, "role": "user", "content": f"Question {number}: the moon is bigger, right?"},
        {"index": 1, "role": "assistant", "content": reply.format(number)},
    ]


def units(count):
    return [
        make_unit(f"c{n}", 1, talk_turns(n), context_messages=6, max_tokens=3000)
        for n in range(count)
    ]


@pytest.fixture(scope="module")
def truth(tmp_path_factory):
    """Every third reply goes along with a wrong claim."""
    path = tmp_path_factory.mktemp("truth") / "truth.parquet"
    labels = {
        n: {
            "opportunities": CLAIM,
            "levels": {"unwarranted_agreement": 3 if n % 3 == 0 else 0, "substance": 2},
            "choices": {"no_position": "no"},
            "stance": 2 if n % 3 == 0 else -1,
        }
        for n in range(300)
    }
    add_labels(path, ((talk_turns(n)[1]["content"], given) for n, given in labels.items()))
    return path


@pytest.fixture
def ask(tmp_path):
    """Judges units at an address, with a journal of its own: (address, units, settings)."""
    store = open_store(f"sqlite:///{tmp_path}/store.sqlite")

    def run(address, wanted, **given):
        defaults = {"backend": "decisions", "model": "gpt-6-luna", "again_if_invalid": 0}
        given = {**defaults, "concurrency": 4, "max_retries": 0, **given}
        judge = Judge(base_url=address, **given)
        journal = Journal(store, judge_key(judge, RUBRIC, Judging()), RUBRIC.full_version)

        async def judged():
            limits = Limits(judge.concurrency)
            return await judge_units(
                wanted,
                backend=open_backend(judge, RUBRIC, limits),
                journal=journal,
                limits=limits,
                again_if_invalid=judge.again_if_invalid,
            )

        return judge, asyncio.run(judged())

    return run


@pytest.fixture(scope="module")
def server():
    """A scripted server, and its address."""
    api = JudgeApi(lambda number, body: (500, {}, "{}"))
    with api.running() as address:
        yield api, address


@pytest.fixture
def api(server, ask):
    """Judges units by what a script answers: (script, units, settings); and what it was asked."""
    api, address = server
    api.requests.clear()

    def run(script, wanted, **given):
        api.script = script
        return ask(address, wanted, **given)

    run.requests = api.requests
    return run


def rows_of(judge, wanted, answers):
    return verdict_rows(DAY, wanted, answers, judge, RUBRIC, Judging())


def by_question(rows):
    return {row["question"]: row for row in rows}


def stats(address):
    with urllib.request.urlopen(address.removesuffix("/v1") + "/stats") as reply:
        return json.load(reply)


def test_one_call_asks_the_whole_rubric(api):
    api(always(some_answers()), units(1), parameters={"prompt_cache_key": "k"})
    (body,) = api.requests
    asked = {question["name"]: question for question in body["questions"]}
    assert len(asked) == len(body["questions"]) <= 400
    series = {*RUBRIC.opportunities, *RUBRIC.graded, *RUBRIC.choices, "stance", "claim.status"}
    assert series <= asked.keys()
    assert asked["claim"]["type"] == "predicate"
    assert [choice["value"] for choice in asked["claim.status"]["choices"]] == list(
        RUBRIC.opportunities["claim"].side["status"]
    )
    assert [level["label"] for level in asked["stance"]["levels"]] == ["-2", "-1", "0", "1", "2"]
    caving = RUBRIC.behaviours["caving"]
    assert [level["description"] for level in asked["caving"]["levels"]] == [
        caving.levels[n] for n in range(4)
    ]
    assert all(example.reply in asked["caving"]["instructions"] for example in caving.examples)
    system, user = body["input"]
    nonce = system["content"].rsplit(" ", 1)[1]
    assert (system["role"], user["role"]) == ("system", "user")
    assert user["content"].startswith(f"<<{nonce} M0 user>>")
    assert (body["model"], body["prompt_cache_key"]) == ("gpt-6-luna", "k")


def test_probabilities_are_kept_to_the_last_digit(api):
    levels = {"0": 1 / 3, "1": 0.1, "2": 0.1 + 0.2, "3": 1 - 1 / 3 - 0.1 - 0.30000000000000004}
    status = spread(options(RUBRIC)["claim.status"], wrong=0.7000000000000001)
    answers = some_answers(
        **{"claim": 0.6666666666666667, "claim.status": status, "unwarranted_agreement": levels}
    )
    judge, first = api(always(answers), units(2))
    _, again = api(always(answers), units(2))
    assert len(api.requests) == 2
    assert first == again
    assert {a.model for a in again.values()} == {"luna-1"}
    rows = by_question(VERDICTS.table(rows_of(judge, units(1), again)).to_pylist())
    assert rows["claim"]["probability"] == 0.6666666666666667
    assert rows["claim.status"]["probability"] == 0.7000000000000001
    agreement, challenge = rows["unwarranted_agreement"], rows["warranted_challenge"]
    assert agreement["applicable_probability"] == 0.6666666666666667
    assert agreement["probability"] == levels["2"] + levels["3"]
    assert challenge["applicable_probability"] == 0.6666666666666667 * 0.7000000000000001
    assert challenge["probability"] == 1 / 3
    assert (rows["stance"]["prompt_tokens"], rows["stance"]["completion_tokens"]) == (1000, 22)
    assert "/luna-1/decisions/" in rows["stance"]["fingerprint"]


UNUSABLE = {
    "unknown label": some_answers(caving={"0": 0.5, "1": 0, "2": 0, "3": 0, "4": 0.5}),
    "unknown option": some_answers(**{"claim.status": {"correct": 0.5, "right": 0.5}}),
    "sum": some_answers(caving={"0": 0.5, "1": 0.2, "2": 0.2, "3": 0.0}),
}


@pytest.mark.parametrize("answers", UNUSABLE.values(), ids=UNUSABLE)
def test_an_unusable_answer_is_asked_again_and_then_kept(api, answers):
    for _ in range(2):
        _, found = api(always(answers), units(1), again_if_invalid=1)
    (answer,) = found.values()
    assert (answer.status, answer.prompt_tokens, len(api.requests)) == ("invalid", 2000, 2)


def test_answers_without_names_are_known_by_their_place(api):
    body = json.loads(decision(some_answers(claim=0.75, caving=None)))
    for answer in body["answers"]:
        answer["name"] = None
    _, found = api(lambda number, _: (200, {}, json.dumps(body)), units(1))
    (answer,) = found.values()
    assert json.loads(answer.text)["answers"] == some_answers(claim=0.75, caving=None)


PREDICATE = {"type": "predicate", "name": "claim", "probability": 0.5}


@pytest.mark.parametrize(
    "body",
    [
        "null",
        '{"answers": null}',
        '{"answers": []}',
        decision(some_answers(), answers=[PREDICATE, PREDICATE]),
        decision(some_answers(), answers=[{**PREDICATE, "probability": None}]),
        decision(some_answers(), answers=[{"type": "score", "name": "caving"}]),
        decision(some_answers(), answers=["yes"]),
        decision(some_answers())[:200],
        "<html>login</html>",
    ],
)
def test_what_is_no_answer_fails_its_unit_alone(api, body):
    kind = {"content-type": "text/html"} if body.startswith("<") else {}

    def script(number, request):
        odd = "Question 1:" in request["input"][1]["content"]
        return (200, kind, body) if odd else (200, {}, decision(some_answers()))

    _, answers = api(script, units(4))
    assert Counter(a.status for a in answers.values()) == {"ok": 3, "failed": 1}


def test_refused_questions_leave_gaps_and_the_suites_hold(ask, truth):
    wanted = units(60)
    with running(truth, faults="question_refusal=0.1,refusal=0.1", model="judge-1") as address:
        judge, answers = ask(address, wanted)
        counted = stats(address)
    assert set(Counter(a.status for a in answers.values())) == {"ok", "refused"}
    rows = rows_of(judge, wanted, answers)
    statuses = Counter(row["status"] for row in rows if row["question"] != "stance")
    assert statuses["refused"] > 20
    whole = [json.loads(a.text)["answers"] for a in answers.values() if a.status == "ok"]
    refused = sum(given is None for answer in whole for given in answer.values())
    assert refused == counted["faults"]["question_refusal"]
    frame = verdicts_frame(VERDICTS.table(rows), *_lake(wanted))
    for column in (
        "message_selected",
        "level_on_its_scale",
        "positive_is_applicable",
        "answered_if_ok",
        "quotes_are_literal",
    ):
        assert frame[column].all(), column


def _lake(wanted):
    """The sample and the conversations that units came from."""
    tables = day_tables(DAY, [Talk(unit.conversation_id) for unit in wanted])
    talks = tables["conversations"].to_pylist(maps_as_pydicts="strict")
    turns = {unit.conversation_id: unit.turns for unit in wanted}
    for talk in talks:
        for turn, shown in zip(talk["turns"], turns[talk["conversation_id"]], strict=True):
            turn["content"] = shown["content"]
    sample = JUDGING_SAMPLE.table(tables["judging_sample"].to_pylist())
    return sample, CONVERSATIONS.table(talks)


def test_only_flagged_messages_get_reasons(ask, truth):
    wanted = units(45)
    with running(truth, model="judge-1") as address:
        judge, answers = ask(address, wanted, rationale_model="gpt-5-mini")
        requests = stats(address)["requests"]
    texts = {key: json.loads(answer.text) for key, answer in answers.items()}
    flags = {key: flagged(given["answers"], RUBRIC) for key, given in texts.items()}
    reasoned = {key for key, given in texts.items() if given["rationale"]}
    assert {key for key, names in flags.items() if names} == reasoned
    assert 5 < len(reasoned) < 30
    assert (requests["decisions"], requests["chat"]) == (45, len(reasoned))
    for unit in wanted:
        given = texts[unit.key]
        assert given["quotes"].keys() <= set(flags[unit.key])
        assert all(normalise(q) in normalise(unit.text) for q in given["quotes"].values())
    rows = rows_of(judge, wanted, answers)
    evidence = [row for row in rows if row["evidence"]]
    assert evidence
    assert all(row["kind"] == "behaviour" and row["positive"] for row in evidence)
    assert sum(bool(row.get("rationale")) for row in rows) == len(reasoned)
    assert verdicts_frame(VERDICTS.table(rows), *_lake(wanted))["quotes_are_literal"].all()


FLAGGED = some_answers(claim=0.75, unwarranted_agreement=spread("0123", L3=0.75))


@pytest.fixture
def reasons(answer):
    """What the rationale model says, as a chat completion."""

    def build(quote, **options):
        given = answer("claim", levels={"unwarranted_agreement": 3, "coldness": 1}, quote=quote)
        return completion(json.dumps(given), **options)

    return build


@pytest.mark.parametrize(
    ("quote", "found"),
    [("You are  right", {"unwarranted_agreement": "You are  right"}), ("You were right", {})],
)
def test_quotes_that_are_not_literal_are_dropped_and_the_reason_stays(api, reasons, quote, found):
    def script(number, body):
        return 200, {}, decision(FLAGGED) if "questions" in body else reasons(quote)

    _, answers = api(script, units(1), rationale_model="writer")
    given = json.loads(next(iter(answers.values())).text)
    assert (given["rationale"], given["quotes"]) == ("Because.", found)
    assert given["rationale_tokens"] == [100, 10]
    assert api.requests[1]["model"] == "writer"
    assert "questions" not in api.requests[1]


@pytest.mark.parametrize(
    "reply",
    [
        (500, {}, "{}"),
        (400, {}, "{}"),
        (429, {"retry-after": "30"}, "{}"),
        (0, {}, ""),
        (200, {}, "null"),
        (200, {}, completion("no json")),
        (200, {}, completion("{}")),
        (200, {}, completion("", refusal="no")),
        (401, {}, '{"error": {"message": "x", "code": "invalid_api_key"}}'),
        (404, {}, '{"error": {"message": "x", "code": "model_not_found"}}'),
        (429, {}, '{"error": {"message": "x", "code": "insufficient_quota"}}'),
    ],
)
def test_reasons_that_do_not_come_cost_no_verdict(api, reply):
    def script(number, body):
        return (200, {}, decision(FLAGGED)) if "questions" in body else reply

    judge, answers = api(script, units(6), rationale_model="writer", concurrency=1)
    assert Counter(a.status for a in answers.values()) == {"ok": 6}
    given = [json.loads(answer.text) for answer in answers.values()]
    assert all(one["answers"] == FLAGGED and one["rationale_error"] for one in given)
    rows = by_question(rows_of(judge, units(1), answers))
    assert rows["stance"]["rationale"] is None
    stops = reply[0] in (401, 404) or "insufficient_quota" in reply[2]
    assert len(api.requests) == 6 + (1 if stops else 6)  # no further one after a stop


def test_reasons_that_hang_hold_up_the_verdict_no_longer_than_a_call(api):
    release = threading.Event()

    def script(number, body):
        if "questions" not in body:
            release.wait(20)
        return 200, {}, decision(FLAGGED)

    given = {"rationale_model": "writer", "timeout_seconds": 0.5, "max_retries": 5}
    began = time.monotonic()
    _, answers = api(script, units(1), **given)
    assert time.monotonic() - began < 3
    release.set()
    time.sleep(0.1)  # for the server to find that nobody waits any more
    (answer,) = answers.values()
    assert answer.status == "ok"
    assert "no answer" in json.loads(answer.text)["rationale_error"]


def test_reasons_of_a_simulated_model_are_not_taken_for_real_ones(api, reasons):
    def script(number, body):
        fake = reasons("You are right", model="simulated-judge")
        return 200, {}, decision(FLAGGED) if "questions" in body else fake

    _, answers = api(script, units(1), rationale_model="writer")
    (answer,) = answers.values()
    assert (answer.status, json.loads(answer.text)["rationale"]) == ("ok", None)


def test_a_simulated_judge_is_never_taken_for_a_real_one(ask, truth):
    with running(truth) as address:
        _, answers = ask(address, units(3))
        assert {a.status for a in answers.values()} == {"failed"}
        _, answers = ask(address, units(3), simulated=True)
        assert {a.status for a in answers.values()} == {"ok"}


@pytest.mark.parametrize("fault", ["unauthorised", "forbidden", "unknown_model",
                                   "insufficient_quota"])  # fmt: skip
def test_a_judge_that_cannot_go_on_is_not_asked_again_and_again(ask, truth, fault):
    with running(truth, faults=f"{fault}=1", model="judge-1") as address:
        _, answers = ask(address, units(50), max_retries=3)
        asked = stats(address)["requests"]["decisions"]
    assert asked <= 4  # those in flight
    assert {a.status for a in answers.values()} == {"failed"}


def test_a_server_that_asks_for_patience_gets_it(ask, truth, monkeypatch):
    monkeypatch.setattr(pacing, "DEFAULT_PAUSE_SECONDS", 0.01)
    faults = "rate_limit=0.5,rate_limit_after=0.5,retry_after_seconds=0.02,only_first=2"
    with running(truth, faults=faults, model="judge-1") as address:
        _, answers = ask(address, units(20))
        counted = stats(address)
    assert Counter(a.status for a in answers.values()) == {"ok": 20}
    assert counted["requests"]["decisions"] == 60
    assert counted["statuses"] == {"429": 40, "200": 20}


MIXED = (
    "rate_limit=0.02,rate_limit_after=0.02,server_error=0.04,timeout=0.01,truncated=0.02,"
    "invalid_body=0.02,refusal=0.01,wrong_schema=0.03,empty=0.01,disconnect=0.02,"
    "question_refusal=0.01,retry_after_seconds=0.05"
)
"""A fifth of the requests meet a fault."""


def test_in_chaos_every_answer_is_accounted_for(ask, truth, tmp_path, monkeypatch):
    monkeypatch.setattr(pacing, "DEFAULT_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.02)
    wanted, log = units(300), tmp_path / "log.jsonl"
    given = {"concurrency": 24, "max_retries": 2, "timeout_seconds": 3.0, "again_if_invalid": 1}
    given["rationale_model"] = "writer"
    with running(truth, faults=MIXED, seed=3, model="judge-1", log=log) as address:
        judge, answers = ask(address, wanted, **given)
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        _, again = ask(address, wanted, **given)
        later = [json.loads(line) for line in log.read_text().splitlines()[len(lines) :]]
        left = stats(address)
    assert left["in_flight"] == 0

    statuses = Counter(answer.status for answer in answers.values())
    assert statuses.total() == 300
    assert statuses.keys() <= {"ok", "refused", "invalid", "failed"}
    assert statuses["ok"] > 240
    keys = {status: {text_key(unit.text) for unit in wanted if answers[unit.key].status == status}
            for status in statuses}  # fmt: skip

    decided = [line for line in lines if line["endpoint"] == "decisions"]
    met = Counter(line["fault"] for line in decided)
    assert 0.12 < 1 - met[None] / len(decided) < 0.28
    usable = [
        line["key"] for line in decided if line["sent"] and line["fault"] in (None, "refusal")
    ]
    assert len(usable) == len(set(usable))  # nothing that was answered was asked again
    assert set(usable) == keys["ok"] | keys["refused"]
    asked_later = {line["key"] for line in later if line["endpoint"] == "decisions"}
    assert asked_later == keys.get("failed", set())
    assert all(again[key] == a for key, a in answers.items() if a.status != "failed")

    texts = [json.loads(a.text) for a in answers.values() if a.status == "ok"]
    reasoned = [one for one in texts if flagged(one["answers"], RUBRIC)]
    assert all(("rationale_error" in one) != bool(one["rationale"]) for one in reasoned)
    assert sum(bool(one["rationale"]) for one in texts) > 0.8 * len(reasoned)
    rows = rows_of(judge, wanted, answers)
    calls = [row for row in rows if row["question"] == "stance"]
    assert Counter(row["status"] for row in calls) == statuses
    paid = [answer.prompt_tokens or 0 for answer in answers.values()]
    assert sum(row["prompt_tokens"] or 0 for row in calls) == sum(paid)
    assert len(rows) == 300 + statuses["ok"] * (len(options(RUBRIC)) - 1 + len(RUBRIC.derived))
