import gzip
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from alignment_monitor.cli import app
from alignment_monitor.judging.known import load_sentinels
from alignment_monitor.judging.rubric import load_rubric
from alignment_monitor.screening.evaluation import ACROSS, UNSEEN_MODEL, WITHIN, calibrate, checks
from alignment_monitor.screening.examples import (
    LABELS,
    LEAST_EVENTS,
    MOST_MESSAGES,
    SENTINELS,
    Example,
    samples,
    sentinel_examples,
    training_set,
)
from alignment_monitor.screening.features import feature_matrix
from alignment_monitor.screening.model import load_screener
from alignment_monitor.screening.model_card import model_card, summary
from alignment_monitor.screening.regression import area_under_curve, calibration, fit
from alignment_monitor.screening.training import train
from alignment_monitor.settings import load
from alignment_monitor.sources.gold import read_gold, template

RUBRIC = load_rubric()
DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
WORDS = ["alder", "birch", "cedar", "fir", "hazel", "larch", "maple", "oak", "pine", "yew"]


def made(source, count, seed, phrases=("surely agreed", "hardly so"), models=("m1", "m2")):
    """Replies whose phrase tells the event, among words that tell nothing."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        event = bool(rng.random() < 0.4)
        words = " ".join(rng.choice(WORDS, size=rng.integers(5, 15)))
        text = f"{words} {phrases[0] if event else phrases[1]} {rng.choice(WORDS)}"
        model = models[number % len(models)]
        found.append(Example(source, model, f"{source}-{number // 4}", text, {"caving": event}))
    return found


def by_kind(rows):
    return {
        kind: [row for row in rows if row["kind"] == kind]
        for kind in (WITHIN, UNSEEN_MODEL, ACROSS)
    }


@given(
    st.lists(st.booleans(), min_size=2, max_size=12),
    st.data(),
)
def test_the_area_is_the_share_of_pairs_in_order(events, data):
    size = len(events)
    scores = data.draw(st.lists(st.integers(0, 4), min_size=size, max_size=size))
    pairs = [
        (a > b) + (a == b) / 2
        for a, hit in zip(scores, events, strict=True)
        for b, other in zip(scores, events, strict=True)
        if hit and not other
    ]
    area = area_under_curve(events, scores)
    assert math.isnan(area) if not pairs else area == pytest.approx(np.mean(pairs))


def test_a_fit_stands_where_the_penalised_likelihood_is_flat_in_its_intercept():
    examples = made("s", 200, 1)
    features = feature_matrix([one.text for one in examples])
    y = np.array([one.events["caving"] for one in examples], dtype=float)
    weights = np.random.default_rng(2).uniform(0.5, 2, size=y.size)
    chance = 1 / (1 + np.exp(-fit(features, y, weights).scores(features)))
    assert np.average(chance, weights=weights) == pytest.approx(
        np.average(y, weights=weights), abs=2e-3
    )
    with pytest.raises(ValueError, match="all alike"):
        fit(features, np.ones(y.size))


def test_calibration_undoes_scores_that_are_too_sure():
    rng = np.random.default_rng(4)
    true = rng.normal(size=20_000)
    events = rng.random(true.size) < 1 / (1 + np.exp(-true))
    slope, intercept = calibration(3 * true + 1, events, np.ones(true.size))
    assert slope == pytest.approx(1 / 3, abs=0.03)
    assert intercept == pytest.approx(-1 / 3, abs=0.1)


def test_what_shows_in_wording_is_found_on_items_models_and_data_held_out():
    (sample,) = samples([*made("one", 160, 1), *made("two", 160, 2)], RUBRIC)
    rows = by_kind(checks(sample))
    assert [len(rows[kind]) for kind in (WITHIN, UNSEEN_MODEL, ACROSS)] == [2, 4, 2]
    assert all(row["auc"] > 0.95 for found in rows.values() for row in found)
    assert all(0.3 < row["length_auc"] < 0.7 for found in rows.values() for row in found)
    assert all(row["messages"] == 160 for row in rows[WITHIN])


def test_a_data_set_with_phrases_of_its_own_is_not_told_by_another():
    others = made("two", 160, 2, phrases=("hardly so", "surely agreed"))
    (sample,) = samples([*made("one", 160, 1), *others], RUBRIC)
    rows = by_kind(checks(sample))
    assert all(row["auc"] > 0.95 for row in rows[WITHIN])
    assert all(row["auc"] < 0.05 for row in rows[ACROSS])


def test_what_items_share_is_not_learnt_from_and_tested_on():
    rng = np.random.default_rng(6)
    events = [bool(rng.random() < 0.5) for _ in range(60)]
    texts = [" ".join(rng.choice(WORDS, size=8)) for _ in events]
    examples = [  # each item has words of its own and one answer: learnt by heart, it is perfect
        Example("s", "m", str(item), f"{texts[item]} item{chr(97 + item % 26)}", {"caving": event})
        for item, event in enumerate(events)
        for _ in range(5)
    ]
    (sample,) = samples(examples, RUBRIC)
    (grouped,) = by_kind(checks(sample))[WITHIN]
    scattered = replace(sample, groups=np.array([str(n) for n in range(len(examples))]))
    (leaking,) = by_kind(checks(scattered))[WITHIN]
    assert leaking["auc"] > 0.95
    assert grouped["auc"] < 0.75


def test_length_alone_is_a_baseline_in_the_direction_that_was_learnt():
    rng = np.random.default_rng(8)
    examples = [
        Example(
            "s",
            "m",
            str(n),
            " ".join(rng.choice(WORDS, size=4 if n % 2 else 12)),
            {"caving": bool(n % 2)},
        )
        for n in range(120)
    ]
    (sample,) = samples(examples, RUBRIC)
    (row,) = by_kind(checks(sample))[WITHIN]
    assert row["length_auc"] == 1.0


def test_sources_weigh_between_equal_messages_and_equal_sources():
    (sample,) = samples([*made("big", 400, 1), *made("small", 100, 2)], RUBRIC)
    big, small = (sample.weights[sample.sources == name].sum() for name in ("big", "small"))
    assert big / small == pytest.approx(2)
    assert sample.weights.mean() == pytest.approx(1)


def test_calibration_shows_as_many_messages_as_were_held_out():
    (sample,) = samples(made("one", 200, 3), RUBRIC)
    (slope, _), table = calibrate(sample)
    assert slope > 0
    assert sum(row["messages"] for row in table) == 200
    said = [row["said"] for row in table]
    assert said == sorted(said)
    assert np.mean(said) == pytest.approx(sample.events.mean(), abs=0.02)


def test_the_same_examples_give_the_same_screener_and_a_card():
    examples = [*made("one", 120, 1), *made("opinion_replies", 120, 2)]
    screener, figures = train(examples, RUBRIC)
    again, _ = train(examples, RUBRIC)
    assert again.version == screener.version == figures["version"]
    assert screener.behaviours == ("caving",)
    said = screener.probabilities(["oak surely agreed yew", "oak hardly so yew"])[:, 0]
    assert said[0] > 0.5 > said[1]
    json.dumps(figures, allow_nan=False)
    card = model_card(figures, RUBRIC)
    assert "**Never charted as a rate.**" in card
    assert "MIT-0" in card
    assert screener.version in card
    assert len(summary(figures["checks"])) == 2


def test_a_behaviour_with_few_events_is_left_out_and_nothing_at_all_is_an_error():
    few = made("one", 300, 1)
    kept = [e for e in few if e.events["caving"]][: LEAST_EVENTS - 1]
    kept += [e for e in few if not e.events["caving"]]
    assert samples(kept, RUBRIC) == []
    with pytest.raises(ValueError, match="add labels"):
        train(kept, RUBRIC)


def test_sentinels_are_examples_by_conversation():
    examples = sentinel_examples(RUBRIC)
    assert {one.source for one in examples} == {SENTINELS}
    assert {one.group for one in examples} <= set(load_sentinels())
    assert any(one.events.get("caving") for one in examples)
    assert all(set(one.events) <= set(RUBRIC.behaviours) for one in examples)


def test_labels_by_people_are_examples_too(tmp_path):
    path = tmp_path / "gold.jsonl"
    path.write_text(template(RUBRIC))
    gold = read_gold(path, RUBRIC, load(tmp_path))
    examples = training_set(RUBRIC, None, gold.references)
    own = [one for one in examples if one.source == LABELS]
    assert [
        one.events["unwarranted_agreement"] for one in own if "unwarranted_agreement" in one.events
    ] == [True]
    assert [one.events["caving"] for one in own if "caving" in one.events] == [False]


@pytest.mark.parametrize("name", ["opinion_replies", "spiral_dialogues"])
def test_research_replies_are_examples_by_item_and_model(name, tmp_path):
    path = DATA / f"{name}.jsonl.gz"
    if not path.exists():
        pytest.skip(f"{path.name} is not beside the checkout (../shared/data)")
    (tmp_path / path.name).symlink_to(path)
    examples = [one for one in training_set(RUBRIC, tmp_path) if one.source != SENTINELS]
    assert {one.source for one in examples} == {name}
    models, items = {one.deployment for one in examples}, {one.group for one in examples}
    assert (len(models), len(items)) == {"opinion_replies": (12, 140), "spiral_dialogues": (2, 30)}[
        name
    ]
    assert len(examples) <= MOST_MESSAGES
    assert all(one.events for one in examples)
    screener = load_screener()
    column = screener.behaviours.index("unwarranted_agreement")
    some = [one for one in examples if "unwarranted_agreement" in one.events][:600]
    said = screener.probabilities([one.text for one in some])[:, column]
    assert area_under_curve([one.events["unwarranted_agreement"] for one in some], said) > 0.8


def test_the_commands_train_on_ones_own_files_and_write_the_card(tmp_path, monkeypatch):
    monkeypatch.setenv("ALIGNMENT_MONITOR_HOME", str(tmp_path / "home"))
    rows = [
        {
            "deployment": one.deployment,
            "arm": "disagree",
            "segment": {"direction": "user_wrong"},
            "messages": [
                {"role": "user", "content": f"question {one.group}"},
                {"role": "assistant", "content": one.text},
            ],
            "turn_labels": [
                {"message_index": 1, "outcome": "flipped" if one.events["caving"] else "held"}
            ],
        }
        for one in made("own", 120, 5)
    ]
    monkeypatch.setattr("alignment_monitor.screening.examples.sentinel_examples", lambda rubric: [])
    data = tmp_path / "data"
    data.mkdir()
    (data / "own.jsonl.gz").write_bytes(
        gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode())
    )
    run = CliRunner().invoke(app, ["screener", "train", "--data", str(data)])
    assert run.exit_code == 0, run.output
    weights = tmp_path / "home" / "screener.npz"
    assert load_screener(weights).behaviours == ("unwarranted_agreement", "caving")
    made_of = ["screener", "card", "--figures", str(weights.with_suffix(".json"))]
    card = CliRunner().invoke(app, made_of)
    assert card.exit_code == 0
    assert load_screener(weights).version in card.output
    broken = tmp_path / "broken.json"
    broken.write_text("[]")
    wrong = CliRunner().invoke(app, ["screener", "card", "--figures", str(broken)])
    assert wrong.exit_code == 2
