"""Counts of a judge's right verdicts over windows that never reach across its versions."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from record import Agreement, Score, agreement, current, eras, pooled, rolling, version_of, within

from alignment_monitor.statistics.agreement import rate

FIRST = date(2026, 1, 5)


def row(day=0, measure="sensitivity", question="caving", n=10, hits=9, value=None, **version):
    return {
        "day": FIRST + timedelta(days=day), "measure": measure, "question": question, "n": n,
        "hits": hits, "value": value, "fingerprint": "openai/one/chat/aa", "rubric_version": "r1",
        "known_version": "k1", **version,
    }  # fmt: skip


known = st.builds(
    lambda day, n, share, measure, model, rubric: row(
        day, measure, n=n, hits=round(n * share), fingerprint=f"openai/{model}/chat/aa",
        rubric_version=rubric,
    ),
    st.integers(0, 40), st.integers(1, 9), st.floats(0, 1),
    st.sampled_from(["sensitivity", "specificity"]), st.sampled_from("ab"), st.sampled_from("rs"),
)  # fmt: skip


@given(st.lists(known, max_size=60), st.integers(1, 20))
def test_a_window_holds_the_days_up_to_its_last_of_one_version(rows, days):
    found = eras(rows)
    for point in rolling(rows, found, "caving", days):
        version = found[point.era].version
        kept = [
            row
            for row in rows
            if version_of(row) == version and 0 <= (point.day - row["day"]).days < days
        ]
        counts = pooled(kept)
        assert point.found == counts.get(("sensitivity", "caving"), Score())
        assert point.passed == counts.get(("specificity", "caving"), Score())


@given(st.lists(known, min_size=1, max_size=60))
def test_the_current_version_is_that_of_the_newest_row(rows):
    era = current(eras(rows))
    newest = max(row["day"] for row in rows)
    assert era is not None
    assert era.last == newest
    assert era.version in {version_of(row) for row in rows if row["day"] == newest}


@given(st.integers(1, 500), st.floats(0, 1))
def test_an_interval_holds_its_rate_and_is_wilsons(n, share):
    score = Score(n, round(n * share))
    lower, upper = score.interval
    assert 0 <= lower <= score.rate <= upper <= 1
    if n > 200:  # by then the t quantile of the audit's interval is the Normal one
        figure = rate([1.0] * score.hits + [0.0] * (n - score.hits), list(range(n)))
        assert (lower, upper) == pytest.approx((figure.lower, figure.upper), abs=0.01)


def test_nothing_has_no_rate():
    assert Score().rate is None
    assert Score().interval == (None, None)
    assert rolling([], [], "caving") == []
    assert current([]) is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"fingerprint": "openai/two/chat/bb"}, ("another model",)),
        ({"fingerprint": "openai/one/chat/bb"}, ("another prompt or other parameters",)),
        (
            {"fingerprint": "openai/one/chat/bb", "rubric_version": "r2"},
            ("another rubric",),
        ),
        ({"known_version": "k2"}, ("other sentinels",)),
        (
            {"fingerprint": "x/two/chat/bb", "rubric_version": "r2", "known_version": "k2"},
            ("another model", "another rubric", "other sentinels"),
        ),
    ],
)
def test_what_changed_is_told(change, said):
    first, second = eras([row(0), row(9, **change), row(3)])
    assert first.changed == ()
    assert (first.first, first.last) == (FIRST, FIRST + timedelta(days=3))
    assert second.changed == said


def test_days_without_a_sentinel_of_the_question_leave_a_gap_once_the_window_is_past():
    rows = [row(0), row(30, question="praise")]
    points = rolling(rows, eras(rows), "caving", 14)
    assert [point.found.n for point in points] == [10] * 14 + [0] * 17


def test_only_the_rows_of_the_version_and_the_window_count():
    rows = [row(0), row(5), row(5, known_version="k0"), row(8)]
    era = current(eras(rows))
    assert within(rows, era, FIRST + timedelta(days=7), days=3) == [rows[1]]


def test_agreement_is_weighted_by_messages_and_leaves_out_what_is_undefined():
    rows = [
        row(0, "gwet_ac1", n=30, value=0.9),
        row(1, "gwet_ac1", n=10, value=0.5),
        row(2, "gwet_ac1", n=5, value=None),
        row(0, "krippendorff_alpha", n=30, value=None),
        row(0, "gwet_ac1", question="praise", n=0, value=None),
    ]
    found = agreement(rows)
    assert found["caving"] == Agreement(45, None, pytest.approx(0.8))
    assert found["praise"] == Agreement(0, None, None)
