from datetime import UTC, date

import pytest

from alignment_monitor.judging import known
from alignment_monitor.settings import Judging, Settings, SimulationSource
from alignment_monitor.sources.intake import admit
from alignment_monitor.sources.known import KnownSource

DAY = date(2026, 3, 2)


@pytest.fixture
def rows(tmp_path):
    judging = Judging(sentinels_per_day=500, canaries_per_day=100)
    settings = Settings(home=tmp_path, judging=judging)
    return admit(KnownSource(settings).read(DAY), DAY, settings)


def test_all_of_them_are_ordinary_conversations_of_their_day(rows):
    assert rows.quarantine.num_rows == 0
    expected = len(known.load_sentinels()) + 2 * len(known.load_canaries())
    assert rows.conversations.num_rows == expected
    assert all(rows.conversations["eligible"].to_pylist())
    assert set(rows.conversations["source"].to_pylist()) == {"sentinel", "canary"}
    assert {at.astimezone(UTC).date() for at in rows.conversations["ended_at"].to_pylist()} == {DAY}


def test_intake_changes_no_judged_message(rows):
    """Their labels were given for the text that the judge is to read."""
    for row in rows.conversations.to_pylist():
        conversation = known.find(row["conversation_id"])
        for index in conversation.labels:
            assert row["turns"][index]["content"] == conversation.turns[index][1]
            assert row["turns"][index]["role"] == "assistant"


def test_reading_a_day_again_gives_the_same(rows, tmp_path):
    settings = Settings(home=tmp_path, judging=Judging(sentinels_per_day=30))
    assert KnownSource(settings).read(DAY).equals(KnownSource(settings).read(DAY))


@pytest.mark.parametrize("name", known.KNOWN)
def test_no_source_can_pass_for_a_known_one(name):
    with pytest.raises(ValueError, match="names conversations of the monitor's own"):
        SimulationSource(kind="simulation", name=name, first_day=DAY)
