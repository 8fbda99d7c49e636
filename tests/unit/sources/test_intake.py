from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as run
from hypothesis import strategies as st

from alignment_monitor.contracts import CONVERSATIONS, INTAKE, QUARANTINE, RECEIVED
from alignment_monitor.settings import Intake, Settings
from alignment_monitor.sources.base import RefusedError
from alignment_monitor.sources.intake import admit
from alignment_monitor.sources.normalise import receive


@pytest.fixture
def admitted(settings, day, now):
    """The three tables, as rows, of records that came in one after the other."""

    def make(*records, settings=settings, source="inbox"):
        rows = [
            receive(raw, source=source, location=f"f:{n}", settings=settings, now=now)
            for n, raw in enumerate(records)
        ]
        tables = admit(RECEIVED.table(rows), day, settings)
        return (
            tables.conversations.to_pylist(),
            tables.quarantine.to_pylist(),
            tables.intake.to_pylist(),
        )

    return make


def at(hour):
    return datetime(2025, 5, 6, hour, tzinfo=UTC)


def test_a_good_and_a_bad_record(admitted, conversation, day):
    conversations, quarantine, intake = admitted(
        conversation("q", "a", segments={"surface": "chat"}), RefusedError("bad_json", "no JSON")
    )
    assert [(row["conversation_id"], row["segment"]) for row in conversations] == [("c1", "chat")]
    assert conversations[0]["eligible"]
    assert conversations[0]["ineligible_reason"] is None
    assert [(row["rule"], row["day"]) for row in quarantine] == [("bad_json", day)]
    assert intake == [{"day": day, "source": "inbox", "received": 2, "repeated": 0}]


def test_an_exact_repeat_is_counted_once(admitted, conversation, day):
    record = conversation("q", "a")
    conversations, quarantine, intake = admitted(record, record, replace(record, ended_at=at(15)))
    assert len(conversations) == 1
    assert conversations[0]["ended_at"] == at(12)
    assert not quarantine
    assert intake == [{"day": day, "source": "inbox", "received": 1, "repeated": 2}]


def test_a_later_version_supersedes_the_earlier(admitted, conversation):
    short = conversation("q", "a", ended_at=at(9))
    middle = conversation("q", "a", "q2", "a2", ended_at=at(10))
    long = conversation("q", "a", "q2", "a2", "q3", "a3", ended_at=at(11))
    conversations, quarantine, intake = admitted(middle, long, short)
    assert not quarantine
    states = {len(row["turns"]): row["ineligible_reason"] for row in conversations}
    assert states == {2: "superseded", 4: "superseded", 6: None}
    assert intake[0]["received"] == 3


@pytest.mark.parametrize(
    "other",
    [{"texts": ("q", "something else")}, {"texts": ("q", "a"), "deployment": "model-2"}],
    ids=["other words", "other deployment"],
)
def test_other_content_under_the_same_id_is_a_conflict(admitted, conversation, other):
    texts = other.pop("texts")
    conversations, quarantine, intake = admitted(
        conversation(*texts, ended_at=at(14), **other), conversation("q", "a", ended_at=at(9))
    )
    assert [(row["ended_at"], row["eligible"]) for row in conversations] == [(at(9), True)]
    assert [(row["rule"], row["conversation_id"]) for row in quarantine] == [
        ("conflicting_content", "c1")
    ]
    assert intake[0]["received"] == 2


@pytest.mark.parametrize("texts", [("only the user",), ("q", "  \n "), ("q", "")])
def test_without_an_assistant_message_it_is_ineligible(admitted, conversation, texts):
    conversations, quarantine, _ = admitted(conversation(*texts))
    assert [row["ineligible_reason"] for row in conversations] == ["no_assistant_message"]
    assert not conversations[0]["eligible"]
    assert not quarantine


def test_segments_are_joined_as_the_settings_say(admitted, conversation, settings):
    by = settings.model_copy(update={"intake": Intake(segment_by=("surface", "locale"))})
    none = settings.model_copy(update={"intake": Intake(segment_by=())})
    record = conversation("q", "a", segments={"locale": "de"})
    assert admitted(record, settings=by)[0][0]["segment"] == "unknown / de"
    assert admitted(record, settings=none)[0][0]["segment"] == "all"


def test_an_empty_day_gives_empty_tables(settings, day):
    tables = admit(RECEIVED.empty(), day, settings)
    assert tables.conversations == CONVERSATIONS.empty()
    assert tables.quarantine == QUARANTINE.empty()
    assert tables.intake == INTAKE.empty()


def test_a_day_of_refusals_only(admitted):
    conversations, quarantine, intake = admitted(RefusedError("bad_json", "no"))
    assert (conversations, len(quarantine), intake[0]["received"]) == ([], 1, 1)


def test_the_same_receipt_twice_is_one_record(settings, day, now, conversation):
    row = receive(conversation("q", "a"), source="s", location="f:1", settings=settings, now=now)
    tables = admit(RECEIVED.table([row, row]), day, settings)
    assert tables.conversations.num_rows == 1
    assert tables.intake.to_pylist() == [{"day": day, "source": "s", "received": 1, "repeated": 0}]


RECORDS = st.lists(
    st.tuples(
        st.sampled_from(["s1", "s2"]),
        st.sampled_from(["", "c1", "c2", "c3"]),
        st.lists(st.sampled_from(["x", "y", " "]), max_size=4),
        st.integers(0, 30),
        st.sampled_from(["m1", "m1", "m2", None]),
    ),
    max_size=12,
)


@run(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=RECORDS, seed=st.randoms())
def test_every_record_ends_in_one_place_whatever_their_order(
    records, seed, settings: Settings, day, now, conversation
):
    rows = [
        receive(
            conversation(
                *texts,
                conversation_id=identifier,
                deployment=deployment,
                ended_at=at(0) + timedelta(minutes=minute),
            ),
            source=source,
            location=f"f:{number}",
            settings=settings,
            now=now,
        )
        for number, (source, identifier, texts, minute, deployment) in enumerate(records)
    ]
    tables = admit(RECEIVED.table(rows), day, settings)
    landed = Counter()
    for table in (tables.conversations, tables.quarantine):
        landed.update(table.column("source").to_pylist())
    counts = {row["source"]: row for row in tables.intake.to_pylist()}
    came = Counter(source for source, *_ in records)
    assert {s: c["received"] for s, c in counts.items() if c["received"]} == dict(landed)
    assert {s: c["received"] + c["repeated"] for s, c in counts.items()} == dict(came)
    known = tables.conversations.to_pylist()
    assert len({tuple(row[name] for name in CONVERSATIONS.key) for row in known}) == len(known)
    current = Counter(
        row["conversation_id"] for row in known if row["ineligible_reason"] != "superseded"
    )
    assert set(current.values()) <= {1}

    seed.shuffle(rows)
    again = admit(RECEIVED.table(rows), day, settings)
    assert again == tables
