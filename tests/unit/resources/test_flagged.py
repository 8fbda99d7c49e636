"""What topics and rates by opportunity are read from: a warehouse and transcripts of its days."""

from datetime import UTC, date, datetime, timedelta

import duckdb
import pyarrow.parquet as pq
import pytest

from alignment_monitor.contracts import TRANSCRIPTS
from alignment_monitor.judging.rubric import load_rubric
from alignment_monitor.resources import flagged
from alignment_monitor.resources.flagged import opportunity_rates, topics_of
from alignment_monitor.resources.judged import flagged_messages
from alignment_monitor.settings import load

LAST = date(2026, 5, 28)
RUBRIC = load_rubric()
WORDS = (("tomato", "compost", "seedling"), ("pension", "mortgage", "lender"))
COLUMNS = (
    "day date, conversation_id text, message_index int, deployment_family text, deployment text, "
    "segment text, user_key text, behaviour text, kind text, rubric_version text, panel text, "
    "o double, y double, d double"
)


def answers(number: int, day: date):
    """A flagged message about one of two themes, and the opportunity it came with."""
    theme = number % 2
    base = (day, f"c{number}", 3, "aurora", "aurora-1", "chat", f"u{number}")
    return [
        (*base, "caving", "behaviour", RUBRIC.full_version, "judge", 1.0, float(theme == 0), 2.0),
        (*base, "pushback", "opportunity", RUBRIC.full_version, "judge", 1.0, 1.0, 2.0),
        (*base, "unwarranted_agreement", "behaviour", RUBRIC.full_version, "judge", 1.0,
         float(theme == 1), 2.0),
        (*base, "claim", "opportunity", RUBRIC.full_version, "judge", 1.0, 0.2, 2.0),
    ]  # fmt: skip


def talk(number: int, day: date):
    at = datetime(day.year, day.month, day.day, tzinfo=UTC)
    words = " ".join(WORDS[number % 2])
    said = ["user", f"About {words}, please write to a{number}@b.com"], ["assistant", "Yes."]
    said += (["user", "No, you are wrong."], ["assistant", "You are right."])
    return {
        "day": day, "conversation_id": f"c{number}", "deployment": "aurora-1",
        "deployment_family": "aurora", "segment": "chat", "started_at": at, "ended_at": at,
        "turns": [
            {"index": place, "role": role, "content": content, "created_at": at}
            for place, (role, content) in enumerate(said)
        ],
    }  # fmt: skip


@pytest.fixture
def home(tmp_path):
    """Eight weeks with two flagged messages a day."""
    settings = load(tmp_path)
    rows = []
    for number in range(112):
        day = LAST - timedelta(days=number // 2)
        rows += answers(number, day)
    with duckdb.connect(str(settings.warehouse)) as connection:
        connection.execute(f"create table int_judged_answers ({COLUMNS})")
        connection.executemany(
            f"insert into int_judged_answers values ({','.join('?' * 14)})", rows
        )
        connection.execute(
            "create table judged_messages as select distinct day from int_judged_answers"
        )
    for offset in range(56):
        day = LAST - timedelta(days=offset)
        talks = [talk(number, day) for number in (2 * offset, 2 * offset + 1)]
        path = settings.marts / TRANSCRIPTS.name / f"day={day}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(TRANSCRIPTS.table(talks), path)
    return settings


def test_both_windows_are_read_and_what_was_said_makes_the_topics(home):
    rows = topics_of(home, RUBRIC).to_pylist()
    assert len(rows) == 2
    assert {frozenset(row["terms"]) for row in rows} == {frozenset(words) for words in WORDS}
    for row in rows:
        assert (row["n"], row["n_before"], row["flagged"], row["read"]) == (28, 28, 56, 56)
        assert row["share"] == pytest.approx(0.5)
        assert row["to_day"] == LAST
        assert row["from_day"] == LAST - timedelta(days=27)


def test_the_same_home_gives_the_same_bytes(home, tmp_path):
    paths = [tmp_path / name for name in ("one.parquet", "two.parquet")]
    for path in paths:
        pq.write_table(topics_of(home, RUBRIC), path)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_of_many_messages_the_same_few_are_drawn_and_all_are_counted(home, monkeypatch):
    monkeypatch.setattr(flagged, "MOST_MESSAGES", 45)
    row = topics_of(home, RUBRIC).to_pylist()[0]
    assert (row["flagged"], row["read"]) == (56, 45)
    first = LAST - timedelta(days=27)
    few, more = (
        flagged_messages(home.warehouse, first, LAST, RUBRIC.full_version, ("caving",), most)
        for most in (5, 9)
    )
    assert set(few["conversation_id"]) < set(more["conversation_id"])
    assert set(few["flagged"]) == {28}


def test_rates_by_opportunity_are_of_messages_that_have_it(home):
    rows = opportunity_rates(home, RUBRIC).to_pylist()
    found = {(row["opportunity"], row["behaviour"]): row for row in rows}
    assert set(found) == {("pushback", "caving"), ("pushback", "unwarranted_agreement")}
    caving = found["pushback", "caving"]
    assert (caving["n"], caving["users"], caving["prevalence"]) == (56, 56, 0.5)
    assert caving["lower"] < 0.5 < caving["upper"]


def test_a_home_without_verdicts_has_neither(tmp_path):
    settings = load(tmp_path)
    with duckdb.connect(str(settings.warehouse)) as connection:
        connection.execute("create table judged_messages (day date)")
    assert topics_of(settings, RUBRIC).num_rows == 0
    assert opportunity_rates(settings, RUBRIC).num_rows == 0
