"""The benchmarks measure what they say: small runs of their own parts."""

import json
from itertools import pairwise

import numpy as np
import pytest

from alignment_monitor.judging.answer import answer_schema
from alignment_monitor.judging.audit.reference import references_of
from alignment_monitor.judging.backends.base import Reply
from alignment_monitor.judging.backends.structured import read_reply
from alignment_monitor.judging.journal import Answer
from alignment_monitor.judging.known import load_sentinels
from alignment_monitor.judging.rubric import load_rubric
from alignment_monitor.judging.window import make_unit
from alignment_monitor.settings import SIMULATED_MODEL, Judge
from benchmarks import (
    budget_bias,
    common,
    contestants,
    estimates_speed,
    judging_throughput,
    real_model,
    sampling_design,
)
from tests.fakes.audits import right_answer


def test_a_section_of_the_page_is_replaced_and_nothing_else(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- one -->\nold\n<!-- /one -->\n<!-- two -->\nkept\n<!-- /two -->\n")
    common.write_section("one", common.table("a | b", [("x", 1)]), page)
    assert page.read_text() == (
        "before\n<!-- one -->\n| a | b |\n| --- | ---: |\n| x | 1 |\n<!-- /one -->\n"
        "<!-- two -->\nkept\n<!-- /two -->\n"
    )


def test_each_benchmark_has_its_section_on_the_page():
    text = common.PAGE.read_text()
    for name in (
        "judging_throughput",
        "budget_bias",
        "sampling_design",
        "estimates_speed",
        "interval_coverage",
        "run_lengths",
        "real_model",
    ):
        assert text.index(f"<!-- {name} -->") < text.index(f"<!-- /{name} -->")


def test_every_peer_is_pinned_in_plain_lines():
    lines = common.PEERS.read_text().splitlines()
    assert all(line.count("==") == 1 for line in lines)
    for packages in contestants.PEERS.values():
        assert len(common.pinned(*packages)) == len(packages)


def test_the_inlined_schema_asks_for_the_same_answer():
    jsonschema = pytest.importorskip("jsonschema")
    rubric = load_rubric()
    schema = answer_schema(rubric)
    inlined = contestants.inlined(schema, schema["$defs"])
    assert "$ref" not in json.dumps(inlined)
    for reference in references_of(next(iter(load_sentinels().values()))):
        given = right_answer(reference, rubric)
        jsonschema.validate(given, inlined)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(given | {"stance": 7}, inlined)


def test_loop_and_engine_put_the_same_calls_to_a_real_server(tmp_path):
    rubric, units = load_rubric(), judging_throughput.conversations(12)
    assert len({unit.key for unit in units}) == 12
    with judging_throughput.judge_server(tmp_path) as base_url:
        judge = Judge(base_url=base_url, simulated=True, model=SIMULATED_MODEL)
        bare = contestants.bare(units, judge, rubric)
        engine = contestants.engine(units, judge, rubric, tmp_path)
    assert (bare.completed, engine.completed) == (12, 12)
    assert min(bare.seconds, engine.seconds) >= judging_throughput.LATENCY_MS / 1000


def test_no_day_is_judged_beyond_its_budget_and_estimates_stay_in_their_intervals():
    rows = budget_bias.simulate(3)
    assert (rows["judged"] <= rows["cap"]).all()
    assert rows["over_budget"].sum() > 0
    assert rows["estimate"].between(rows["lower"], rows["upper"]).all()
    for _, budgets in rows.groupby("day"):  # a smaller budget draws the same and judges fewer
        drawn = budgets["judged"] + budgets["over_budget"]
        assert drawn.nunique() == 1
        assert all(more > fewer for more, fewer in pairwise(budgets["judged"]))


def test_a_score_that_orders_nothing_gains_nothing_and_a_good_one_does():
    gains = [sampling_design.split_gain(area, 1, 0.25, 100_000) for area in (0.5, 0.7, 0.9)]
    assert gains[0] == pytest.approx(1, abs=0.002)
    assert 1 > gains[1] > gains[2]


def test_squares_are_relative_to_the_mean_of_the_traffic():
    segments, buckets = budget_bias.SEGMENTS, budget_bias.BUCKETS
    shares = {(s, b): p * q for s, p in segments.items() for b, q in buckets.items()}
    for world in sampling_design.WORLDS.values():
        found = sampling_design.squares(world, 1.0)
        assert sum(shares[place] * found[place] for place in shares) == pytest.approx(1)


def test_the_rate_of_the_process_is_what_its_days_tend_to():
    rng = np.random.default_rng(5)
    rates = np.array([budget_bias.population(rng, f"d{day}").rate for day in range(8)])
    error = rates.std(ddof=1) / np.sqrt(len(rates))
    assert abs(rates.mean() - budget_bias.process_rate()) < 5 * error


def test_outcomes_of_a_real_model_are_told_apart_by_what_is_wrong():
    rubric = load_rubric()
    reference = next(
        one
        for known in load_sentinels().values()
        for one in references_of(known)
        if any(one.levels.get(name) for name in rubric.behaviours)
    )
    unit = make_unit(
        reference.item_id,
        reference.message_index,
        reference.turns,
        context_messages=6,
        max_tokens=6000,
    )

    def outcome(given):
        text = given if isinstance(given, str) else json.dumps(given)
        return real_model.outcome(read_reply(Reply(text, "m", None, None), rubric, unit))

    right = right_answer(reference, rubric)
    assert outcome(right) == "ok"
    assert outcome("I would rather not say.") == "schema"
    assert outcome(right | {"stance": 7}) == "schema"
    behaviours = right["behaviours"]
    name = next(name for name, given in behaviours.items() if given["level"])
    false_quote = {**behaviours, name: {**behaviours[name], "quote": "no such words"}}
    assert outcome(right | {"behaviours": false_quote}) == "quote"
    silent = {**behaviours, name: {"applicable": False, "level": None, "quote": None}}
    assert outcome(right | {"behaviours": silent}) == "logic"
    cut = Answer("failed", error="the answer was cut at max_output_tokens")
    assert real_model.outcome(cut) == "cut"
    assert real_model.outcome(Answer("failed", error="no answer: APITimeoutError")) == "failed"


def test_a_model_is_asked_and_told_of_by_its_audit(tmp_path):
    with judging_throughput.judge_server(tmp_path) as base_url:
        judge = Judge(base_url=base_url, simulated=True, model=SIMULATED_MODEL)
        found, counts, card = real_model.conduct(judge, 12, tmp_path / "home")
    assert counts == {"ok": 12}
    again, _, _ = real_model.conduct(judge, 12, tmp_path / "home")  # nobody serves: all are kept
    assert again.judgements.equals(found.judgements)
    text = real_model.report(found, counts, card)
    assert "| valid, all rules kept | 12 | 100% |" in text
    assert "Verdict of the audit: **do not use**" in text  # twelve messages show too little


def test_the_speed_of_estimates_is_that_of_figures_there_are(monkeypatch):
    monkeypatch.setattr(estimates_speed, "DAYS", 40)
    rows = estimates_speed.user_days(60, estimates_speed.FAMILIES, range(40))
    assert rows["deployment"].nunique() == estimates_speed.DEPLOYMENTS
    mix = estimates_speed.baseline(rows)
    assert mix["day"].nunique() == estimates_speed.BASELINE_DAYS
    last = rows[rows["day"] >= rows["day"].max() - np.timedelta64(27, "D")]
    one = estimates_speed.new_day(last, mix, 40)
    plain = estimates_speed.two_years(rows, every_mode=False)
    every = estimates_speed.two_years(rows, every_mode=True)
    assert 0 < one < plain < every
    found = estimates_speed.timed(estimates_speed.new_day, last, mix, 40, rounds=2)
    assert found.estimates == one
