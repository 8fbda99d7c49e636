import json
import math
import socket
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path

import duckdb
import jinja2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alignment_monitor.contracts import VERDICTS
from alignment_monitor.judging import money
from alignment_monitor.judging.backends import judge_key
from alignment_monitor.judging.journal import Answer
from alignment_monitor.judging.money import (
    FEWEST_OBSERVED,
    OBSERVED,
    SAFETY_DEVIATIONS,
    CallCost,
    Price,
    UnknownPriceError,
    affordable_calls,
    call_cost,
    calls_allowed,
    cost,
    price_of,
    usage,
)
from alignment_monitor.judging.verdicts import verdict_rows
from alignment_monitor.judging.window import make_unit
from alignment_monitor.settings import Judge, Judging
from alignment_monitor.store import open_store
from alignment_monitor.store.database import insert_new
from alignment_monitor.store.schema import verdict_journal

MODELS = Path(__file__).parents[3] / "dbt_project" / "models"
SET = {"usd_per_million_prompt_tokens": 1.0, "usd_per_million_completion_tokens": 10.0}
UNPRICED = Judge(name="third", model="nobody-knows-me")
COSTS = st.builds(
    CallCost,
    mean=st.floats(1e-6, 10),
    deviation=st.floats(0, 20),
    observed=st.integers(FEWEST_OBSERVED, OBSERVED),
)


@pytest.fixture
def store(tmp_path):
    return open_store(f"sqlite:///{tmp_path}/store.sqlite")


@pytest.fixture
def answered(store, rubric):
    """Puts answers into the journal: (prompt tokens, completion tokens, seconds) of each."""
    number = count()
    began = datetime(2026, 1, 1, tzinfo=UTC)

    def put(calls, *, judge=None, occasion=""):
        key = judge_key(judge or Judge(), rubric, Judging())
        rows = [
            {
                "unit_hash": str(place := next(number)),
                "judge_key": key,
                "rubric_version": rubric.full_version,
                "occasion": occasion,
                "status": "ok",
                "returned_model": "m",
                "answer": "{}",
                "prompt_tokens": prompt,
                "completion_tokens": completion,
                "latency_seconds": seconds,
                "received_at": began + timedelta(seconds=place),
                "error": None,
            }
            for prompt, completion, seconds in calls
        ]
        insert_new(store, verdict_journal, rows)

    return put


@pytest.mark.parametrize(
    ("judge", "price"),
    [
        (Judge(model="gpt-5-mini"), Price(0.25, 2.0)),
        (Judge(model="gpt-5-mini", batch=True), Price(0.125, 1.0)),
        # A long context costs more; ours are short, and the table knows the difference.
        (Judge(model="gpt-6-luna"), Price(0.10, 0.50)),
        (Judge(model="gpt-6-luna", backend="decisions"), Price(0.10, 0.0)),
        (Judge(model="openai/gpt-5-mini", provider="openrouter"), Price(0.25, 2.0)),
        (Judge(model="claude-sonnet-4-5", provider="openai"), Price(3.0, 15.0)),
        (Judge(model="gpt-5-mini", **SET), Price(1.0, 10.0)),
        (Judge(model="gpt-5-mini", batch=True, **SET), Price(1.0, 10.0)),
        (Judge(model="gpt-5-mini", usd_per_million_prompt_tokens=7), Price(7.0, 2.0)),
        (Judge(model="nobody-knows-me", **SET), Price(1.0, 10.0)),
        (Judge(model="nobody-knows-me", simulated=True), Price(0.0, 0.0)),
        (Judge(model="nobody-knows-me"), None),
        (Judge(model="nobody-knows-me", usd_per_million_prompt_tokens=7), None),
        (Judge(model="gpt-5-mini", backend="decisions"), None),
    ],
)
def test_a_price_is_as_set_else_as_packaged_else_unknown(judge, price):
    found = price_of(judge)
    assert (found is None) == (price is None)
    if found and price:
        assert (found.prompt, found.completion) == pytest.approx((price.prompt, price.completion))


def test_a_price_that_changes_with_the_hour_is_the_dearest():
    from genai_prices import Usage, calc_price

    one, midnight = Usage(input_tokens=1000, output_tokens=1000), datetime(2026, 11, 25, tzinfo=UTC)
    hours = [
        float(
            calc_price(
                one, "deepseek-v4-flash", genai_request_timestamp=midnight + timedelta(hours=n)
            ).output_price
        )
        * 1000
        for n in range(24)
    ]
    assert min(hours) < max(hours)
    found = price_of(Judge(model="deepseek-v4-flash"))
    assert found is not None
    assert found.completion >= max(hours)


def test_no_server_is_asked_for_a_price(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a price was looked up on the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    money._packaged.cache_clear()
    assert price_of(Judge(model="gpt-5-mini")) == Price(0.25, 2.0)


def test_the_table_of_prices_is_loaded_only_when_it_is_needed():
    code = (
        "import sys; from alignment_monitor.judging import money; "
        "from alignment_monitor.settings import Judge; "
        "money.price_of(Judge(simulated=True)); "
        "sys.exit('genai_prices' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@given(st.integers(0, 10**7), st.integers(0, 10**6))
def test_a_call_costs_what_its_tokens_cost(prompt, completion):
    found = cost(Judge(**SET), prompt, completion)
    assert found == pytest.approx(prompt / 1e6 + completion / 1e5)


@pytest.mark.parametrize(("prompt", "completion"), [(None, 10), (10, None), (None, None)])
def test_tokens_that_were_not_counted_have_no_cost(prompt, completion):
    assert cost(Judge(**SET), prompt, completion) is None
    assert cost(UNPRICED, 10, 10) is None


@given(st.floats(1e-4, 1e5), COSTS)
def test_what_is_affordable_keeps_within_the_budget(budget, one):
    n = affordable_calls(budget, [one])

    def highest(calls):
        doubt = calls**2 / one.observed
        return calls * one.mean + SAFETY_DEVIATIONS * one.deviation * math.sqrt(calls + doubt)

    assert n * one.mean + SAFETY_DEVIATIONS * one.deviation * math.sqrt(n) <= budget * (1 + 1e-6)
    assert highest(n) <= budget * (1 + 1e-6)
    assert n == money.UNLIMITED or highest(n + 1) > budget * (1 - 1e-6)  # and no call is lost


@given(st.lists(COSTS, min_size=1, max_size=4), st.floats(0, 1e5), st.floats(0, 1e5))
def test_more_money_never_affords_fewer_calls(costs, one, other):
    low, high = sorted((one, other))
    assert affordable_calls(low, costs) <= affordable_calls(high, costs)


@given(st.lists(COSTS, min_size=2, max_size=4), st.floats(1e-3, 1e4))
def test_one_judge_more_never_affords_more_messages(costs, budget):
    assert affordable_calls(budget, costs) <= affordable_calls(budget, costs[:-1])


@given(COSTS, st.floats(1e-3, 1e4), st.floats(0, 5))
def test_costs_that_vary_more_afford_fewer_calls(one, budget, more):
    wider = CallCost(one.mean, one.deviation + more, one.observed)
    assert affordable_calls(budget, [wider]) <= affordable_calls(budget, [one])


def test_calls_that_cost_nothing_are_limited_by_no_money():
    assert affordable_calls(1e-9, [CallCost(0.0, 0.0, 0)]) == money.UNLIMITED
    assert affordable_calls(0.0, [CallCost(1.0, 0.0, 0)]) == 0
    assert affordable_calls(10.0, [CallCost(1.0, 0.0, 0)]) == 10


@pytest.mark.parametrize("sigma", [0.3, 0.6, 1.0])
@pytest.mark.parametrize("judges", [1, 2])
def test_a_days_spending_exceeds_its_budget_on_less_than_one_day_in_a_hundred(sigma, judges):
    """2,000 days; each is planned from the newest answers, as a day is. Judges cost alike."""
    rng = np.random.default_rng(7)
    budget = 400 * judges * math.exp(sigma**2 / 2)
    seen, over, spent, days = rng.lognormal(0, sigma, FEWEST_OBSERVED), 0, 0.0, 2_000
    for _ in range(days):
        one = CallCost(float(seen.mean()), float(seen.std(ddof=1)), len(seen))
        costs = rng.lognormal(0, sigma, affordable_calls(budget, [one] * judges))
        over += judges * costs.sum() > budget
        spent += judges * costs.sum() / budget / days
        seen = np.concatenate([seen, costs])[-OBSERVED:]
    assert over < days / 100
    assert spent > 0.75  # safe, but not by asking hardly anything


def test_a_call_takes_what_the_newest_answers_took(answered, store, rubric):
    judging = Judging(judges=(Judge(**SET),))
    judge = judging.judges[0]
    answered([(9_000, 900, 90.0)] * 50)  # too old to count
    answered([(1_000, 100, 1.0), (3_000, 300, 4.0), (2_000, 200, 2.0)] * 200)
    answered([(50, 5, 0.1)] * 300, occasion="audit:1:0")
    answered([(7_000, 700, 7.0)] * 300, judge=UNPRICED)
    answered([(None, None, 7.0)] * 300)
    taken = usage(judge, rubric, judging, store)
    assert taken.observed == OBSERVED
    assert taken.prompt_tokens == pytest.approx(2_000, rel=0.01)
    assert taken.completion_tokens == pytest.approx(200, rel=0.01)
    assert taken.latency_seconds == 2.0
    found = call_cost(judge, rubric, judging, store)
    assert found is not None
    assert found.mean == pytest.approx(0.004, rel=0.01)
    assert found.deviation == pytest.approx(0.002 * math.sqrt(2 / 3), rel=0.01)


def test_what_was_asked_of_known_messages_tells_nothing_of_traffic(answered, store, rubric):
    answered([(1_000, 100, 1.0)] * FEWEST_OBSERVED, occasion="2026-01-01")
    assert usage(Judge(), rubric, Judging(), store).observed == 0


def test_before_there_are_answers_the_guess_is_high(answered, store, rubric):
    judge = Judge(max_output_tokens=1_500)
    answered([(1_000, 100, 1.0)] * (FEWEST_OBSERVED - 1))
    taken = usage(judge, rubric, Judging(context_tokens=4_000), store)
    assert taken.observed == 0
    assert taken.latency_seconds is None
    assert taken.completion_tokens == 1_500
    assert 5_000 < taken.prompt_tokens < 10_000
    assert call_cost(UNPRICED, rubric, Judging(), store) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.integers(1, 5_000), st.none() | st.floats(1e-6, 1e4))
def test_calls_allowed_are_never_negative_nor_more_than_set(store, rubric, calls, usd):
    judging = Judging(judges=(Judge(**SET),), calls_per_day=calls, usd_per_day=usd)
    assert 0 <= calls_allowed(judging, rubric, store) <= calls


def test_a_budget_in_usd_lowers_the_calls(store, rubric):
    judging = Judging(judges=(Judge(**SET), Judge(name="second", **SET)), usd_per_day=1.0)
    one = call_cost(judging.judges[0], rubric, judging, store)
    assert one is not None
    assert calls_allowed(judging, rubric, store) == math.floor(1.0 / (2 * one.mean))


def test_reasons_of_decisions_are_in_the_budget_or_name_their_price(store, rubric):
    decides = Judge(backend="decisions", model="gpt-6-luna")
    bare = call_cost(decides, rubric, Judging(), store)
    with_reasons = decides.model_copy(update={"rationale_model": "gpt-5-mini"})
    assert call_cost(with_reasons, rubric, Judging(), store).mean > 2 * bare.mean
    unknown = decides.model_copy(update={"rationale_model": "nobody-knows-me"})
    assert call_cost(unknown, rubric, Judging(), store) is None


def test_a_budget_without_a_price_names_the_judge_and_the_settings(store, rubric):
    judging = Judging(judges=(Judge(**SET), UNPRICED), usd_per_day=1.0)
    with pytest.raises(UnknownPriceError) as problem:
        calls_allowed(judging, rubric, store)
    for words in (
        "judging.usd_per_day",
        "'nobody-knows-me'",
        "'third'",
        "usd_per_million_prompt_tokens",
        "usd_per_million_completion_tokens",
    ):
        assert words in str(problem.value)
    unlimited = judging.model_copy(update={"usd_per_day": None})
    assert calls_allowed(unlimited, rubric, store) == 2000


def mart(rows):
    """What the models of dbt make of verdicts, run as they stand."""
    places = {
        "config": lambda **_: "",
        "days_in_range": lambda: "true",
        "ref": lambda name: name,
        "source": lambda _, name: name,
    }

    def sql(name):
        return jinja2.Template((MODELS / name).read_text()).render(places)

    verdicts = VERDICTS.table(rows)
    with duckdb.connect() as connection:
        connection.register("verdicts", verdicts)
        connection.execute(f"create view stg_verdicts as {sql('staging/stg_verdicts.sql')}")
        made = connection.execute(sql("marts/cost_daily.sql"))
        names = [column[0] for column in made.description]
        return [dict(zip(names, row, strict=True)) for row in made.fetchall()]


TOKENS = st.none() | st.integers(0, 20_000)
ANSWERS = st.lists(
    st.tuples(st.sampled_from(["ok", "refused", "invalid", "failed", "awaiting"]), TOKENS, TOKENS),
    min_size=1,
    max_size=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(st.lists(ANSWERS, min_size=1, max_size=3))
def test_costs_of_calls_verdicts_and_days_agree(rubric, answer, days):
    judges = (Judge(name="first", **SET), Judge(name="second"), UNPRICED)
    judging, rows, paid = Judging(judges=judges), [], {}
    text = json.dumps(answer("claim", levels={"unwarranted_agreement": 0}))
    for number, drawn in enumerate(days):
        day = date(2026, 1, 1) + timedelta(days=number)
        units = [
            make_unit(
                f"c{place}",
                1,
                [
                    {"index": 0, "role": "user", "content": f"question {number} {place}"},
                    {"index": 1, "role": "assistant", "content": "You are right"},
                ],
                context_messages=6,
                max_tokens=3_000,
            )
            for place in range(len(drawn))
        ]
        for judge in judges:
            answers = {}
            for unit, (status, prompt, completion) in zip(units, drawn, strict=True):
                bought = status in ("ok", "refused", "invalid")
                tokens = (prompt, completion) if bought else (None, None)
                answers[unit.key] = Answer(status, "m", text if status == "ok" else None, *tokens)
                if (usd := cost(judge, *tokens)) is not None:
                    paid[day, judge.name] = paid.get((day, judge.name), 0.0) + usd
            rows += verdict_rows(day, units, answers, judge, rubric, judging)
    made = mart(rows)
    for day, judge in {(row["day"], row["judge"]) for row in rows}:
        by_row = [
            row["cost_usd"]
            for row in rows
            if (row["day"], row["judge"]) == (day, judge) and row.get("cost_usd") is not None
        ]
        by_mart = [
            row["cost_usd"]
            for row in made
            if (row["day"], row["judge"]) == (day, judge) and row["cost_usd"] is not None
        ]
        assert math.fsum(by_row) == pytest.approx(paid.get((day, judge), 0.0))
        assert math.fsum(by_mart) == pytest.approx(paid.get((day, judge), 0.0))
    assert {row["status"] for row in made}.isdisjoint({"awaiting"})
    calls = sum(status != "awaiting" for drawn in days for status, *_ in drawn)
    assert sum(row["calls"] for row in made) == calls * len(judges)
