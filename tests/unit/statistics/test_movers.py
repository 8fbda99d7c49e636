import numpy as np
import pandas as pd
import pytest

from alignment_monitor.statistics.movers import movers


def sums(question, rates, *, users=50, panel="p1", seed=0):
    """Before and since, by user: ten messages each, so many of which show the behaviour."""
    rng = np.random.default_rng(seed)
    return [
        {
            "behaviour": question,
            "rubric_version": "r1",
            "panel": panel,
            "user_key": f"u{user}",
            "since": since,
            "n_o": 10,
            "sum_do": 10.0,
            "sum_dy": float(rng.binomial(10, rate)),
        }
        for since, rate in zip((False, True), rates, strict=True)
        for user in range(users)
    ]


def test_the_question_furthest_beyond_chance_comes_first():
    rows = sums("calm", (0.2, 0.2), seed=1) + sums("moved", (0.1, 0.3), seed=2)
    rows += sums("noisy", (0.2, 0.5), users=2, seed=3)  # moved more, but of two users
    found = movers(pd.DataFrame(rows), ["calm", "moved", "noisy"])
    assert [row["question"] for row in found] == ["moved", "noisy", "calm"]
    assert found[0]["difference"] == pytest.approx(found[0]["after"] - found[0]["before"])
    assert found[0]["z"] > 5
    assert found[0]["n"] == 500


def test_without_change_z_is_a_standard_normal():
    z = np.array(
        [
            movers(pd.DataFrame(sums("q", (0.2, 0.2), seed=seed)), ["q"])[0]["z"]
            for seed in range(400)
        ]
    )
    assert abs(z.mean()) < 0.2
    assert 0.9 < z.std() < 1.1


def test_one_user_with_many_messages_is_one():
    rows = pd.DataFrame(sums("q", (0.1, 0.3), users=1))
    (found,) = movers(rows, ["q"])
    assert abs(found["z"]) < 1
    assert found["n"] == 10


def test_only_what_is_asked_and_in_use_and_known_on_both_sides():
    rows = sums("q", (0.1, 0.3)) + sums("other", (0.1, 0.3))
    rows += [row for row in sums("new", (0.1, 0.3)) if row["since"]]
    rows += sums("q", (0.9, 0.9), users=3, panel="p0")
    (found,) = movers(pd.DataFrame(rows), ["q", "new"])
    assert (found["question"], round(found["before"], 1)) == ("q", 0.1)
    before = [row for row in sums("q", (0.1, 0.3)) if not row["since"]]
    assert movers(pd.DataFrame(before), ["q"]) == []
