"""The list of messages, counted and paged without holding all, against the plain way."""

from datetime import timedelta
from random import Random

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alignment_monitor.contracts import JUDGED_MESSAGES, TRANSCRIPTS
from alignment_monitor.parquet import write_parquet
from tests.dashboard.sample_marts import FIRST_DAY, write_mart

DAYS, SIZE = 45, 4
NAMES = ("caving", "coldness")


def judged(random: Random, number: int) -> list[dict]:
    day = FIRST_DAY + timedelta(days=number)
    found = []
    for talk in range(random.randrange(5)):
        for index in (1, 3)[: random.randint(1, 2)]:
            for judge in ("a", "b")[: random.randint(1, 2)]:
                flagged = [name for name in NAMES if random.random() < 0.3]
                found.append(
                    {
                        "day": day, "conversation_id": f"c{number}-{talk}", "message_index": index,
                        "deployment_family": "f", "deployment": random.choice(["f-1", "f-2"]),
                        "segment": random.choice(["api", "voice"]), "bucket": "plain",
                        "inclusion_probability": 0.5, "judge": judge, "rubric_version": "r",
                        "status": random.choice(["ok", "ok", "failed"]), "opportunities": [],
                        "flagged": flagged, "highest_level": random.choice([None, 0, 2, 3]),
                    }
                )  # fmt: skip
    return found


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> list[dict]:
    random, home = Random(5), tmp_path_factory.mktemp("listing")
    marts = home / "marts"
    marts.mkdir()
    found = [row for number in range(DAYS) for row in judged(random, number)]
    write_mart(marts, JUDGED_MESSAGES.name, found)
    for day in {row["day"] for row in found}:
        names = sorted({row["conversation_id"] for row in found if row["day"] == day})
        talks = [talk(day, name) for name in names]
        path = marts / TRANSCRIPTS.name / f"day={day}.parquet"
        write_parquet(TRANSCRIPTS.table(talks), path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALIGNMENT_MONITOR_HOME", str(home))
        yield found


def talk(day, name: str) -> dict:
    from datetime import UTC, datetime

    at = datetime.combine(day, datetime.min.time(), UTC)
    said = "A Heliotrope stood there" if name.endswith("1") else "Nothing did"
    turns = [{"index": 0, "role": "user", "content": text, "created_at": at} for text in ("", said)]
    return {
        "day": day, "conversation_id": name, "deployment": "f-1", "deployment_family": "f",
        "segment": "api", "started_at": at, "ended_at": at, "turns": turns,
    }  # fmt: skip


def plain(rows: list[dict], asked) -> list[list[dict]]:
    """Every row is looked at, and the messages sorted whole."""
    found: dict[tuple, list[dict]] = {}
    for row in rows:
        flagged = row["flagged"]
        if (
            asked.first <= row["day"] <= asked.last
            and all(row[column] == value for column, value in asked.values.items())
            and (asked.flagged in (None, *flagged) or (asked.flagged == "any" and flagged))
            and (not asked.text or row["conversation_id"].endswith("1"))
        ):
            key = (row["day"], row["conversation_id"], row["message_index"])
            found.setdefault(key, []).append(row)

    def place(item):
        (day, *rest), group = item
        levels = [-1 if row["highest_level"] is None else row["highest_level"] for row in group]
        return -day.toordinal(), -max(levels), *rest

    return [group for _, group in sorted(found.items(), key=place)]


def maybe(*values: str):
    return st.sampled_from([None, *values])


@settings(
    max_examples=80,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)
@given(
    first=st.integers(0, DAYS),
    length=st.integers(0, DAYS),
    deployment=maybe("f-1", "f-2", "f-3"),
    segment=maybe("api"),
    status=maybe("ok", "failed"),
    flagged=maybe("any", *NAMES, "other"),
    text=st.sampled_from(["", "", "heliotrope"]),
)
def test_pages_are_slices_of_all_that_match(
    rows, first, length, deployment, segment, status, flagged, text
):
    import listing

    begin = FIRST_DAY + timedelta(days=first)
    asked = listing.Filters(
        begin, begin + timedelta(days=length), deployment, segment, status, flagged, text
    )
    expected = plain(rows, asked)
    found = listing.find(asked)
    assert found.messages == len(expected)
    pages = -(-len(expected) // SIZE)
    numbers = range(1, pages + 1)
    seen = [group for number in numbers for group in listing.page(asked, found, number, SIZE)]
    key = ("day", "conversation_id", "message_index", "judge", "flagged")
    assert [[[row[k] for k in key] for row in message] for message in seen] == [
        [[row[k] for k in key] for row in message] for message in expected
    ]
    assert listing.page(asked, found, pages + 1, SIZE) == []
    assert found.since == (begin if text else None)


def test_a_search_stops_at_so_many_conversations_and_says_where(rows, monkeypatch):
    import listing

    monkeypatch.setattr(listing, "SEARCHED", 12)
    last = max(row["day"] for row in rows)
    asked = listing.Filters(FIRST_DAY, last, text="heliotrope")
    found = listing.find(asked)
    assert 0 < found.read <= 12
    assert found.since > FIRST_DAY
    days = {row["day"] for row in rows if row["day"] >= found.since}
    names = {row["conversation_id"] for row in rows if row["day"] in days}
    assert found.read == len(names)
    expected = plain([row for row in rows if row["day"] >= found.since], asked)
    assert found.messages == len(expected) > 0


def test_lists_of_a_slice_are_looked_into_at_their_own_places():
    import listing

    lists = pa.chunked_array([pa.array([["x"], [], ["y", "x"], None, ["y"]])]).slice(1)
    assert listing.flagged_for(lists, "x").tolist() == [False, True, False, False]
    assert listing.flagged_for(lists, listing.ANY).tolist() == [False, True, False, True]
