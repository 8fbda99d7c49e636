from datetime import UTC, date, datetime

import pytest

DAY = date(2026, 11, 7)
NOW = datetime(2026, 11, 8, 2, tzinfo=UTC)


@pytest.fixture
def words():
    import alert_words

    return alert_words


def alert(**changes):
    row = {
        "alert_id": "a1b2c3d4e5",
        "type": "MODEL",
        "severity": "page",
        "state": "firing",
        "deployment_family": "aurora",
        "behaviour": "caving",
        "direction": "up",
        "opened_on": DAY,
        "returned_on": None,
        "updated_on": DAY,
        "held_by": None,
        "reason": None,
        "resolution": None,
        "evidence": '{"statement": "Caving rose."}',
    }
    return {**row, **changes}


def sent(status="delivered", channel="on-call", event="alert.firing", at=NOW):
    return {"status": status, "channel": channel, "event": event, "created_at": at}


def test_what_needs_somebody_comes_first(words):
    wanted = [
        alert(alert_id="newest", opened_on=date(2026, 11, 9)),
        alert(alert_id="older"),
        alert(alert_id="held", held_by="j"),
        alert(alert_id="seen", state="acknowledged"),
        alert(alert_id="muted", state="silenced"),
        alert(alert_id="warning", severity="warn"),
        alert(alert_id="pending", severity="warn", state="pending"),
    ]
    shuffled = [*reversed(wanted), alert(alert_id="over", state="resolved")]
    assert words.open_ones(shuffled) == wanted


def test_the_head_says_how_bad_and_the_sentence(words):
    loud = words.head(alert(), "Caving", [], "told")
    assert "▲ Page · MODEL · firing" in loud
    assert "status change" in loud
    assert "Caving rose." in loud
    assert "status change" not in words.head(alert(held_by="j"), "Caving", [], "told")
    silent = words.head(alert(evidence="{}"), "Caving", [], "told")
    assert "Caving of aurora changed." in silent.replace("<bdi>", "")


def test_one_that_came_back_says_since_when(words):
    told = words.since(alert(returned_on=date(2026, 11, 20))).replace("\u00a0", " ")
    assert told == "Back since 20 Nov 2026, first on 7 Nov 2026, last confirmed 7 Nov 2026"


def test_what_keeps_it_from_being_sent_is_said(words):
    holder = alert(alert_id="jjjjjjjjjj", evidence='{"statement": "The judge changed."}')
    silence = {"ends_at": NOW, "who": "Ann", "reason": "a test"}
    told = words.notices(
        alert(held_by="jjjjjjjjjj", reason="too few"), {"jjjjjjjjjj": holder}, [silence]
    )
    assert len(told) == 3
    assert "The judge changed." in told[0]
    assert "2026-11-08 02:00 UTC" in told[1]
    assert "too few" in told[2]


def test_the_last_message_to_each_channel_counts(words):
    assert words.sent([]) == "not sent to anybody"
    later = datetime(2026, 11, 9, tzinfo=UTC)
    told = words.sent([sent("dead", event="alert.escalated", at=later), sent(), sent(channel="b")])
    assert "on-call" in told
    assert "could not be told" in told
    assert "(escalated)" in told
    assert told.count("(firing)") == 1


def test_text_of_people_is_escaped(words):
    step = {
        "at": NOW.isoformat(), "who": "<b>x", "event": None, "from_state": None, "to_state": None,
        "note": "<script>",
    }  # fmt: skip
    assert "<script>" not in words.steps([step])
    assert "&lt;b&gt;x" in words.steps([step])


def test_precision_is_a_sentence(words):
    row = {
        "type": "all", "fired": 9, "true_drifts": 3, "false_alarms": 1, "expected_changes": 2,
        "n": 4, "precision": 0.75, "lower": 0.194, "upper": 0.994,
    }  # fmt: skip
    told = words.precision([{**row, "type": "MODEL"}, row]).replace("\u00a0", " ")
    assert "75 % [19, 99], n = 4 (MODEL 3 of 4)" in told
    assert "9 alerts fired so far; 2 called expected." in told
    unknown = {**row, "n": 0, "precision": None, "lower": None, "upper": None}
    assert "is not known: 9 alerts fired" in words.precision([unknown]).replace("\u00a0", " ")
    assert words.precision([]) == ""
