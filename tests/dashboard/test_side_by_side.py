"""Verdicts of judges and labels of people about one message, beside each other."""

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from side_by_side import Rater, body, judge_of, lines, people_of

from alignment_monitor.contracts import VERDICTS
from alignment_monitor.judging.rubric import load_rubric
from tests.dashboard.sample_marts import Sample
from tests.dashboard.sample_store import write_labels
from tests.dashboard.test_pages import HOSTILE, markup, opened, said

RUBRIC = load_rubric()
NAME, DAY = "c-0927-1", "2026-09-27"


def judge(name, **answers):
    return Rater(name, False, answers)


def test_what_nobody_saw_is_left_out_and_what_counts_differently_is_marked():
    found = lines(
        [
            judge("a", claim="yes", caving=0, substance=3, pushback="no"),
            judge("b", claim="yes", caving=1, substance=1, pushback="no"),
            Rater("Ann", True, {"claim": "no", "caving": 2, "substance": 3}),
        ],
        RUBRIC,
    )
    told = {line.question: line for line in found}
    assert set(told) == {"claim", "caving", "substance"}, "nobody saw pushback"
    assert told["caving"].answers == (0, 1, 2)
    assert all(told[name].differs for name in told)
    agree = lines([judge("a", caving=0), judge("b", caving=1)], RUBRIC)
    assert not agree[0].differs, "neither counts as an event"


LEVELS = st.lists(st.one_of(st.none(), st.integers(0, 3)), min_size=2, max_size=5)


@given(LEVELS)
def test_who_did_not_answer_never_makes_a_difference(levels):
    def differs(given):
        found = lines([judge(str(n), caving=one) for n, one in enumerate(given)], RUBRIC)
        return [line.differs for line in found]

    known = [one for one in levels if one is not None]
    assert differs(levels) == differs(known)
    assert differs(levels) == ([len({one >= 2 for one in known}) > 1] if known else [])


def test_a_judge_without_a_verdict_says_why_and_has_no_answers():
    row = {"question": "stance", "kind": "stance", "status": "refused", "level": None}
    assert judge_of("a", [row]) == Rater("a", False, {}, "refused")


def test_names_and_answers_of_strangers_stay_text():
    raters = people_of(
        [{"annotator": HOSTILE, "question": "caving", "level": None, "value": HOSTILE}]
    )
    cells = "".join(cell for row in body(lines(raters, RUBRIC)) for cell in row)
    assert "<img" not in cells
    assert "&lt;img" in cells


@pytest.fixture
def labelled(tmp_path, use_home):
    """A home in which two judges and a person answered about one message."""
    home = use_home(tmp_path, Sample(days=3, talks_per_day=2))
    path = home / "marts" / "verdicts" / f"day={DAY}.parquet"
    rows = pq.read_table(path, partitioning=None).to_pylist()
    second = [
        {**row, "judge": "second", "level": 3 if row["question"] == "needless_contrarianism"
         else row["level"]}
        for row in rows
    ]  # fmt: skip
    pq.write_table(VERDICTS.table([*rows, *second]), path)
    write_labels(home, NAME, annotator="Ann")
    return home


def test_a_page_shows_every_judge_and_person_who_saw_this_very_text(labelled):
    app = opened("views/conversations.py", conversation=NAME, message="4")
    text = said(app)
    assert "They differ on" in text
    assert "needless contrarianism" in text.split("They differ on")[1][:200]
    assert "Verdict of <bdi>second</bdi>" in text
    assert "<bdi>Ann</bdi>" in text
    assert "<bdi>Eve</bdi>" not in text, "she labelled another text"
    assert "Stratum" in text
    (address,) = [code.value for code in app.code]
    assert address.endswith(f"/conversations?conversation={NAME}&message=4")


def test_the_judges_page_sets_every_two_of_them_beside_each_other(labelled):
    text = said(opened("views/judges.py"))
    assert "judge</bdi> and <bdi>second" in text
    assert "judge</bdi> and <bdi>people" in text
    assert "κ" in text.split("Every two of them")[1]


def test_one_judge_alone_is_not_compared(tmp_path, use_home):
    use_home(tmp_path, Sample(days=3, talks_per_day=2))
    assert "Side by side" not in markup(
        opened("views/conversations.py", conversation=NAME, message="4")
    )
