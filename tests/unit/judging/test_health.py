from datetime import date, timedelta

import pytest

from alignment_monitor.contracts import JUDGE_QUALITY
from alignment_monitor.judging.health import judge_health

FIRST = date(2026, 3, 2)


def row(day, hits, *, n=10, measure="sensitivity", question="caving", **values):
    return {
        "day": FIRST + timedelta(days=day),
        "judge": "j",
        "fingerprint": "p/j",
        "rubric_version": "r1",
        "known_version": "k1",
        "measure": measure,
        "question": question,
        "n": n,
        "hits": hits,
        **values,
    }


def health(rows, day=40, baseline=(0, 19), behaviour="caving"):
    ends = tuple(FIRST + timedelta(days=end) for end in baseline) if baseline else None
    table = JUDGE_QUALITY.table(rows)
    return judge_health(table, behaviour, FIRST + timedelta(days=day), baseline=ends)


def test_the_last_fortnight_stands_beside_the_baseline():
    rows = [row(day, 9) for day in range(20)] + [row(day, 5) for day in range(20, 50)]
    (told,) = health(rows)
    assert told["sensitivity"] == {
        "recent": {"n": 140, "hits": 70, "rate": 0.5},
        "baseline": {"n": 200, "hits": 180, "rate": 0.9},
    }
    assert told["specificity"] is None
    assert told["injection"] is None


def test_another_fingerprint_or_another_set_of_sentinels_is_another_measure():
    old = [row(day, 1, fingerprint="p/old") for day in range(20)]
    old += [row(day, 1, known_version="k0") for day in range(20)]
    (told,) = health([*old, *[row(day, 8) for day in range(30, 41)]])
    assert told["sensitivity"]["recent"]["rate"] == 0.8
    assert told["sensitivity"]["baseline"] is None


def test_what_talks_a_judge_round_is_told_by_judge():
    canaries = [
        row(day, 3, measure="injection", question="praise", against=1) for day in range(30, 41)
    ]
    second = [row(40, 7, judge="k", fingerprint="p/k", measure="specificity")]
    told = {one["judge"]: one for one in health([*canaries, *second], baseline=None)}
    tried = told["j"]["injection"]
    assert (tried["rate"], tried["n"]) == (pytest.approx(0.2, abs=0.03), 110)
    assert 0.05 < tried["lower"] < tried["rate"] < tried["upper"] < 0.35
    assert told["k"]["specificity"]["recent"] == {"n": 10, "hits": 7, "rate": 0.7}
    assert told["k"]["injection"] is None


def test_agreement_of_the_panel_is_no_judge():
    assert health([row(40, None, judge="panel", measure="gwet_ac1", value=0.5)]) == []
    assert health([]) == []
