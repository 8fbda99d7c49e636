from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select, update

from alignment_monitor.alerting.alert import Policy
from alignment_monitor.alerting.channels import BrokenChannel
from alignment_monitor.alerting.channels.pagerduty import PagerDutyChannel
from alignment_monitor.alerting.desk import Desk, DeskError, precision_rows
from alignment_monitor.alerting.service import (
    export_alerts,
    export_deliveries,
    look_after,
    process_days,
)
from alignment_monitor.store.schema import (
    alert_comments,
    alert_silences,
    alert_transitions,
    deliveries,
)
from tests.fakes.signals import DEPLOYED

NOW = datetime(2026, 12, 1, 2, 15, tzinfo=UTC)
CHANNELS = [BrokenChannel("on-call", "-")]
JUDGE = {
    "series": "JUDGE/judge/caving.sensitivity/up",
    "deployment_family": "judge",
    "type": "JUDGE",
}


def day(number):
    return date(2026, 11, 1) + timedelta(days=number)


@pytest.fixture
def process(engine, table):
    def run(*rows, hours=0.0, channels=CHANNELS):
        process_days(
            engine,
            table(rows),
            evidence_for=lambda s: {},
            channels=channels,
            now=NOW + timedelta(hours=hours),
            deployed=DEPLOYED,
        )

    return run


@pytest.fixture
def desk(engine):
    return at(engine)


def at(engine, hours=1.0, who="ann"):
    return Desk(engine, CHANNELS, Policy(), who, NOW + timedelta(hours=hours))


def alerts(engine):
    return {row["type"]: row for row in export_alerts(engine).to_pylist()}


def told(engine):
    rows = sorted(export_deliveries(engine).to_pylist(), key=lambda row: row["created_at"])
    return [row["event"].removeprefix("alert.") for row in rows]


def test_an_acknowledged_page_is_not_escalated(process, engine, signal, desk):
    process(signal(day(1)))
    name = alerts(engine)["MODEL"]["alert_id"]
    assert desk.acknowledge(name[:4], "on it").state == "acknowledged"
    assert look_after(engine, CHANNELS, policy=Policy(), now=NOW + timedelta(days=30)) == 0
    assert told(engine) == ["firing"]
    with engine.connect() as connection:
        query = select(alert_transitions).order_by(alert_transitions.c.transition_id)
        last = connection.execute(query).mappings().all()[-1]
    assert (last["who"], last["note"], last["to_state"]) == ("ann", "on it", "acknowledged")
    assert last["at"] == NOW + timedelta(hours=1)
    with pytest.raises(DeskError, match="already"):
        desk.acknowledge(name)


def test_a_judge_s_alert_that_is_resolved_releases_what_it_holds(process, engine, signal, desk):
    process(signal(day(1)), signal(day(1), **JUDGE))
    judge = alerts(engine)["JUDGE"]["alert_id"]
    assert alerts(engine)["MODEL"]["held_by"] == judge
    desk.resolve(judge, "false_alarm", "one sentinel is wrong")
    assert alerts(engine)["MODEL"]["held_by"] is None
    assert sorted(told(engine)) == ["firing", "firing", "resolved"]
    assert alerts(engine)["JUDGE"]["resolution"] == "false_alarm"


@pytest.mark.parametrize("text", ["a\0b", "a\x1b[2Jb", "a\udc80b"])
def test_what_no_store_or_terminal_carries_is_refused_and_changes_nothing(
    process, engine, signal, desk, text
):
    process(signal(day(1)))
    before = alerts(engine)
    name = before["MODEL"]["alert_id"]
    for act in (
        lambda: desk.comment(name, text),
        lambda: desk.acknowledge(name, text),
        lambda: desk.resolve(name, "true_drift", text),
        lambda: desk.silence({"family": text}, desk.now + timedelta(hours=1), "x"),
        lambda: desk.silence({"family": "a"}, desk.now + timedelta(hours=1), text),
        lambda: at(engine, 1, who=text),
    ):
        with pytest.raises(DeskError, match=r"holds the control character U\+"):
            act()
    with pytest.raises(DeskError, match="No alert is called"):
        desk.comment(text, "x")
    assert alerts(engine) == before


def test_a_silence_takes_what_fires_and_what_comes_and_its_end_gives_it_back(
    process, engine, signal, desk
):
    process(signal(day(1)))
    silence = desk.silence({"family": "aur*"}, desk.now + timedelta(days=2), "a load test")
    assert alerts(engine)["MODEL"]["state"] == "silenced"
    praise = signal(day(2), series="MODEL/aurora/praise/up", behaviour="praise")
    process(signal(day(2)), praise, hours=1.5)
    assert {row["state"] for row in export_alerts(engine).to_pylist()} == {"silenced"}
    assert told(engine) == ["firing"]
    at(engine, 2).unsilence(silence.silence_id[:3])
    assert {row["state"] for row in export_alerts(engine).to_pylist()} == {"firing"}
    assert told(engine) == ["firing", "firing"], "only the one that nobody was told of"
    with engine.connect() as connection:
        kept = connection.execute(select(alert_silences)).mappings().one()
    assert (kept["ended_by"], kept["ends_at"]) == ("ann", NOW + timedelta(hours=2))
    with pytest.raises(DeskError, match="already"):
        at(engine, 3).unsilence(silence.silence_id)


def test_a_silence_that_is_over_ends_with_the_next_delivery(process, engine, signal, desk):
    desk.silence({"type": "MODEL"}, desk.now + timedelta(hours=5), "known")
    process(signal(day(1)), hours=2)
    assert alerts(engine)["MODEL"]["state"] == "silenced"
    assert look_after(engine, CHANNELS, policy=Policy(), now=NOW + timedelta(hours=5)) == 0
    assert look_after(engine, CHANNELS, policy=Policy(), now=NOW + timedelta(hours=6)) == 1
    assert alerts(engine)["MODEL"]["state"] == "firing"


@pytest.mark.parametrize(
    ("patterns", "hours", "reason", "message"),
    [
        ({}, 1, "x", "at least one of"),
        ({"type": None, "family": ""}, 1, "x", "at least one of"),
        ({"colour": "red"}, 1, "x", "not 'colour'"),
        ({"type": "model"}, 1, "x", "No type is called 'model'; there are: MODEL"),
        ({"type": "*", "severity": "critical"}, 1, "x", "there are: page, warn"),
        ({"type": "*"}, 0, "x", "ends after now"),
        ({"type": "*"}, 24 * 91, "x", "within 90 days"),
        ({"type": "*"}, 1, "  ", "reason has 0 characters"),
        ({"type": "*"}, 1, "x" * 2001, "2001 characters"),
    ],
)
def test_a_silence_that_makes_no_sense_is_refused(desk, engine, patterns, hours, reason, message):
    with pytest.raises(DeskError, match=message):
        desk.silence(patterns, desk.now + timedelta(hours=hours), reason)
    with engine.connect() as connection:
        assert connection.execute(select(alert_silences)).all() == []


def test_a_remark_is_kept_with_who_and_when(process, engine, signal, desk):
    process(signal(day(1)))
    name = alerts(engine)["MODEL"]["alert_id"]
    assert desk.comment(name[:5], " seen in the logs ") == name
    with engine.connect() as connection:
        kept = connection.execute(select(alert_comments)).mappings().one()
    assert (kept["alert_id"], kept["who"], kept["comment"]) == (name, "ann", "seen in the logs")
    with pytest.raises(DeskError, match="comment has 0"):
        desk.comment(name, " ")


def test_names_are_found_by_their_beginning(process, engine, signal, desk):
    for number in range(20):
        where = {"series": f"MODEL/aurora/{number}/up", "behaviour": str(number)}
        process(signal(day(1), **where))
    names = sorted(row["alert_id"] for row in export_alerts(engine).to_pylist())
    first, second = next(pair for pair in pairwise(names)
                         if pair[0][0] == pair[1][0])  # fmt: skip
    with pytest.raises(DeskError, match=f"Several alert names begin with.*{first}.*{second}"):
        desk.acknowledge(first[0])
    assert desk.acknowledge(second).alert_id == second
    for wrong in ("zzz", "", "%", "_" * 16):
        with pytest.raises(DeskError, match="alert list --state all"):
            desk.acknowledge(wrong)


@pytest.mark.parametrize("who", ["", "  ", "x" * 101])
def test_nobody_acts_without_a_name(engine, who):
    with pytest.raises(DeskError, match="name of who acts"):
        at(engine, who=who)


def test_only_a_pager_that_was_told_learns_that_somebody_looks_after_it(process, engine, signal):
    pager = PagerDutyChannel("pager", "https://example.org", "key")
    late = PagerDutyChannel("late", "https://example.org", "key")
    process(signal(day(1)), channels=[*CHANNELS, pager])
    (row,) = export_alerts(engine).to_pylist()
    Desk(engine, [*CHANNELS, pager, late], Policy(), "ann", NOW).acknowledge(row["alert_id"])
    sent = [(row["event"], row["channel"]) for row in export_deliveries(engine).to_pylist()]
    assert sorted(sent) == [
        ("alert.acknowledged", "pager"), ("alert.firing", "on-call"), ("alert.firing", "pager"),
    ]  # fmt: skip


def test_a_delivery_whose_attempts_are_over_is_queued_again(process, engine, signal, desk):
    process(signal(day(1)))
    (sent,) = export_deliveries(engine).to_pylist()
    with pytest.raises(DeskError, match="still being tried"):
        desk.redeliver(sent["delivery_id"])
    with engine.begin() as connection:
        dead = {"status": "dead", "attempts": 12, "next_attempt_at": None, "last_error": "410"}
        connection.execute(update(deliveries).values(dead))
    assert desk.redeliver("msg_") == sent["delivery_id"]
    (again,) = export_deliveries(engine).to_pylist()
    assert (again["status"], again["attempts"], again["last_error"]) == ("pending", 0, None)
    assert again["next_attempt_at"] == desk.now
    with pytest.raises(DeskError, match="alert deliveries"):
        desk.redeliver("msg_zzz")
    with pytest.raises(DeskError, match="is for on-call, not for mail"):
        desk.redeliver("msg_", "mail")
    with engine.begin() as connection:
        connection.execute(update(deliveries).values(status="delivered"))
    with pytest.raises(DeskError, match="taken by its receiver"):
        desk.redeliver("msg_", "on-call")


def test_a_delivery_that_was_overtaken_is_not_sent_again_by_its_name_either(
    process, engine, signal, desk
):
    process(signal(day(1)), *[signal(day(n), "NONE") for n in range(2, 9)])
    of_event = deliveries.c.event
    with engine.begin() as connection:
        for event, status in (("alert.firing", "dead"), ("alert.resolved", "delivered")):
            connection.execute(update(deliveries).where(of_event == event).values(status=status))
        name = connection.execute(
            select(deliveries.c.delivery_id).where(of_event == "alert.firing")
        ).scalar_one()
    with pytest.raises(DeskError, match="what came after it was told already"):
        desk.redeliver(name)


def test_precision_counts_what_people_said(process, engine, signal, desk):
    assert precision_rows(engine) == []
    for number in range(4):
        where = {"series": f"MODEL/aurora/{number}/up", "behaviour": str(number)}
        process(signal(day(1), **where))
    process(signal(day(1), "WARN", series="TRAFFIC/x", type="TRAFFIC"))
    names = [row["alert_id"] for row in export_alerts(engine).to_pylist() if row["type"] == "MODEL"]
    for name, verdict in zip(names, ("true_drift", "false_alarm", "expected_change"), strict=False):
        desk.resolve(name, verdict)
    model, whole = precision_rows(engine)
    assert (model["type"], whole["type"]) == ("MODEL", "all")
    assert {**model, "type": "all"} == whole
    assert (whole["fired"], whole["n"], whole["precision"], whole["expected_changes"]) == (
        4, 2, 0.5, 1,
    )  # fmt: skip
    # Somebody thinks again.
    desk.resolve(names[1], "true_drift")
    assert precision_rows(engine)[-1]["precision"] == 1.0


def test_people_and_runs_at_once_come_to_no_harm(process, engine, signal):
    def series(number):
        return {"series": f"MODEL/aurora/{number}/up", "behaviour": str(number)}

    for number in range(6):
        process(*(signal(day(n), "PAGE" if n == 1 else "NONE", **series(number))
                  for n in range(1, 9 if number % 2 else 2)))  # fmt: skip
    names = [row["alert_id"] for row in export_alerts(engine).to_pylist()]

    def act(number):
        if number % 3 == 0:
            process(*(signal(day(9 + number), **series(each)) for each in range(6)))
        else:
            desk = at(engine, 1 + number / 60)
            desk.resolve(names[number % 6], "true_drift", f"note {number}")
            desk.silence({"behaviour": str(number % 6)}, desk.now + timedelta(days=1), "-")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(act, range(18)))
    open_ = [row for row in export_alerts(engine).to_pylist() if row["state"] != "resolved"]
    assert len(open_) == len({row["fingerprint"] for row in open_})
    with engine.connect() as connection:
        notes = connection.execute(select(alert_transitions.c.note)).scalars().all()
    assert {f"true_drift: note {n}" for n in range(18) if n % 3} <= set(notes)
