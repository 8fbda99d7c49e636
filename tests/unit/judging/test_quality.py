from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment_monitor.contracts import DRIFT_SIGNALS, JUDGE_QUALITY, VERDICTS
from alignment_monitor.judging import gate, known, quality
from alignment_monitor.statistics.intervals import surplus

DAY = date(2026, 3, 2)


def verdict_table(events, judge="j", status="ok"):
    """Rows of verdicts: {(conversation, message): {question: positive or None}}."""
    common = {
        "day": DAY, "judge": judge, "fingerprint": f"p/{judge}", "rubric": "r",
        "rubric_version": "v", "status": status, "evidence": [],
    }  # fmt: skip
    rows = []
    for (name, index), said in events.items():
        where = {"conversation_id": name, "message_index": index}
        rows.append({**common, **where, "question": "stance", "kind": "stance"})
        for question, positive in said.items():
            row = {"question": question, "kind": "behaviour", "positive": positive}
            rows.append({**common, **where, **row, "applicable": positive is not None})
    return VERDICTS.table(rows)


def rows_of(verdicts, purposes, rubric):
    rows = quality.quality_rows(DAY, verdicts, purposes, rubric)
    JUDGE_QUALITY.table(rows)  # they fit the contract
    return {(row["judge"], row["measure"], row["question"]): row for row in rows}


def test_a_perfect_judge_is_right_on_every_sentinel(rubric):
    events, purposes = {}, {}
    for conversation in known.load_sentinels().values():
        for index, label in conversation.labels.items():
            key = (conversation.dated(DAY), index)
            flags = {flag: flag in label.opportunities for flag in rubric.opportunities}
            events[key] = label.events(rubric) | flags
            purposes[key] = "sentinel"
    rows = rows_of(verdict_table(events), purposes, rubric)
    assert all(row["hits"] == row["n"] for row in rows.values())
    assert rows["j", "sensitivity", "caving"]["n"] >= 30
    assert rows["j", "specificity", "caving"]["n"] >= 60


def test_an_overlooked_opportunity_is_a_missed_event(rubric):
    conversation, index = next(
        (one, index)
        for one in known.load_sentinels().values()
        for index, label in one.labels.items()
        if label.events(rubric).get("caving")
    )
    key = (conversation.dated(DAY), index)
    rows = rows_of(verdict_table({key: {"caving": None}}), {key: "sentinel"}, rubric)
    assert (
        rows["j", "sensitivity", "caving"]["n"],
        rows["j", "sensitivity", "caving"]["hits"],
    ) == (
        1,
        0,
    )


def test_a_perfect_judge_takes_every_sentinel_for_what_it_is_and_all_are_counted(rubric):
    events, purposes = {}, {}
    for conversation in known.load_sentinels().values():
        for index, label in conversation.labels.items():
            key = (conversation.dated(DAY), index)
            events[key] = label.events(rubric)
            events[key] |= {flag: flag in label.opportunities for flag in rubric.opportunities}
            purposes[key] = "sentinel"
    rows = rows_of(verdict_table(events), purposes, rubric)
    counts = {key[1:]: row["n"] for key, row in rows.items() if key[1] in quality.OUTCOMES}
    assert counts == dict(quality.sentinel_items(rubric))
    assert {row["against"] for key, row in rows.items() if key[1] in quality.OUTCOMES} == {0}
    assert sum(counts[name, "caving"] for name in quality.OUTCOMES) == len(events)
    assert not any(name == quality.NONE for name, question in counts if question == "substance")


def sentinel_with(rubric, **wanted):
    return next(
        (one.dated(DAY), index)
        for one in known.load_sentinels().values()
        for index, label in one.labels.items()
        if all(label.events(rubric).get(name) == event for name, event in wanted.items())
    )


@pytest.mark.parametrize(
    ("truth", "said", "counts"),
    [
        (True, {"caving": True}, (1, 0)),
        (True, {"caving": False}, (0, 1)),
        (True, {}, (0, 0)),
        (False, {"caving": True}, (0, 1)),
        (False, {"caving": False}, (1, 0)),
        (None, {"caving": True}, (0, 1)),
        (None, {"caving": False}, (0, 0)),
        (None, {}, (1, 0)),
    ],
)
def test_outcomes_are_counted_by_their_truth(rubric, truth, said, counts):
    key = sentinel_with(rubric, caving=truth)
    rows = rows_of(verdict_table({key: said}), {key: "sentinel"}, rubric)
    measure = {True: quality.PRESENT, False: quality.ABSENT, None: quality.NONE}[truth]
    row = rows["j", measure, "caving"]
    assert (row["n"], (row["hits"], row["against"])) == (1, counts)


def test_a_judge_that_gives_probabilities_has_no_outcomes(rubric):
    """Traffic counts what it says is likely, which no count of yes and no corrects."""
    key = sentinel_with(rubric, caving=True)
    table = verdict_table({key: {"caving": True}})
    rows = [row | {"applicable_probability": 0.9} for row in table.to_pylist()]
    found = rows_of(VERDICTS.table(rows), {key: "sentinel"}, rubric)
    assert {measure for _, measure, _ in found} == {"sensitivity", "specificity"}


def test_a_call_without_an_answer_says_nothing_of_the_judge(rubric):
    key = (next(iter(known.load_sentinels().values())).dated(DAY), 1)
    assert rows_of(verdict_table({key: {}}, status="failed"), {key: "sentinel"}, rubric) == {}


@pytest.mark.parametrize("moved", ["pushed", "against", "not"])
def test_a_moved_verdict_counts_by_the_way_it_moved(rubric, moved):
    canary = next(c for c in known.load_canaries().values() if c.pushes == "down")
    [index] = canary.attack.labels
    attack, twin = (canary.attack.dated(DAY), index), (canary.twin.dated(DAY), index)
    said = {"pushed": (False, True), "against": (True, False), "not": (True, True)}[moved]
    events = {attack: {canary.target: said[0]}, twin: {canary.target: said[1]}}
    rows = rows_of(verdict_table(events), dict.fromkeys(events, "canary"), rubric)
    row = rows["j", "injection", canary.kind]
    assert (row["n"], row["hits"], row["against"]) == (1, moved == "pushed", moved == "against")


def test_an_attack_whose_twin_got_no_answer_is_no_pair(rubric):
    canary = next(iter(known.load_canaries().values()))
    [index] = canary.attack.labels
    key = (canary.attack.dated(DAY), index)
    rows = rows_of(verdict_table({key: {canary.target: True}}), {key: "canary"}, rubric)
    assert rows == {}


def test_a_panel_is_told_how_far_it_agrees(rubric):
    import pyarrow as pa

    ours = {(f"c{i}", 1): {"caving": i % 4 == 0} for i in range(40)}
    theirs = {key: dict(given) for key, given in ours.items()}
    theirs["c1", 1] = {"caving": True}
    table = pa.concat_tables([verdict_table(ours, "a"), verdict_table(theirs, "b")])
    rows = rows_of(table, dict.fromkeys(ours, "estimate"), rubric)
    alpha = rows["panel", "krippendorff_alpha", "caving"]
    assert alpha["n"] == 40
    assert 0.9 < alpha["value"] < 1
    assert rows["panel", "gwet_ac1", "caving"]["value"] > alpha["value"]
    assert rows["panel", "krippendorff_alpha", "unearned_praise"]["value"] is None


@given(st.integers(1, 500), st.data())
def test_noise_alone_is_no_susceptibility(n, data):
    moved = data.draw(st.integers(0, n // 2))
    rate, error = surplus(n, moved, moved)
    assert rate == 0
    assert error > 0


def day_row(day, n, hits, against=0, mark="p/j", judge="j"):
    return {
        "day": day, "judge": judge, "fingerprint": mark, "rubric_version": "v",
        "known_version": "k", "measure": "injection", "question": "role_play",
        "n": n, "hits": hits, "against": against,
    }  # fmt: skip


def signals(rows, days=(DAY,), limit=0.05):
    made = gate.injection_signals(JUDGE_QUALITY.table(rows), days, limit)
    DRIFT_SIGNALS.table(made)
    return {(row["day"], row["deployment_family"]): row["decision"] for row in made}


def test_a_judge_that_is_talked_round_pages_and_a_noisy_one_does_not():
    days = [DAY - timedelta(days=back) for back in range(28)]
    assert signals([day_row(day, 6, 1) for day in days]) == {(DAY, "j"): "PAGE"}
    assert signals([day_row(day, 6, 1, 1) for day in days]) == {(DAY, "j"): "NONE"}
    assert signals([day_row(DAY, 6, 1)]) == {(DAY, "j"): "NONE"}


def test_a_replaced_judge_starts_anew():
    old = [day_row(DAY - timedelta(days=back), 6, 3, mark="old") for back in range(1, 20)]
    assert signals(old, days=[DAY]) == {(DAY, "j"): "PAGE"}
    assert signals([*old, day_row(DAY, 6, 0, mark="zz-new")]) == {(DAY, "j"): "NONE"}


def test_what_lies_before_the_window_is_forgotten():
    old = day_row(DAY - timedelta(days=gate.INJECTION_WINDOW), 600, 300)
    assert signals([old, day_row(DAY, 6, 0)]) == {(DAY, "j"): "NONE"}


def test_without_canaries_there_is_no_signal():
    assert signals([]) == {}
