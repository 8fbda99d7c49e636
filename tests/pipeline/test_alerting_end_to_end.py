"""Judges die, days are empty, receivers sleep, tables break: someone is told, once, and why."""

import json
import os
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from unittest import mock

import dagster as dg
import pytest
from sqlalchemy import select, update

from alignment_monitor.operations.servers import judge_server
from alignment_monitor.settings import load
from alignment_monitor.simulation.truth import write_truth
from alignment_monitor.store import open_store
from alignment_monitor.store.schema import verdict_journal
from tests.fakes.webhook_receiver import SECRET, WebhookReceiver
from tests.pipeline import homes
from tests.pipeline.lake_factory import traffic, write_day

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("alerting")]

FIRST = homes.FIRST_DAY
DEAD, BETTER, EMPTY = (FIRST + timedelta(days=n) for n in range(3))
MONITOR_YAML = f"""\
sources:
  - {{kind: simulation, seed: 7, first_day: {FIRST}, days: 2, conversations_per_day: 30}}
first_day: {FIRST}
sampling: {{messages_per_day: 20}}
judging:
  sentinels_per_day: 0
  canaries_per_day: 0
  judges:
    - {{name: judge, model: simulated-judge, api_key_variable: SIMULATED_JUDGE_KEY, simulated: true,
       max_retries: 0, timeout_seconds: 5}}
alerts:
  retry_base_seconds: 0.001
  channels:
    - {{kind: webhook, name: on-call, url_variable: HOOK_URL, secret_variable: HOOK_SECRET,
       allow_private_addresses: true}}
"""


class Operator:
    """A home, its judge's request log, and the commands one types there."""

    def __init__(self, home):
        self.home = home
        home.mkdir()
        (home / "monitor.yaml").write_text(MONITOR_YAML)
        write_truth(load(home).sources[0], home / "truth.parquet")

    @contextmanager
    def judge(self):
        with judge_server(self.home / "truth.parquet", self.home / "judge", seed=7) as address:
            yield address

    def run(self, first, last, judge, hook):
        days = ("--from", str(first), "--to", str(last))
        variables = {"OPENAI_BASE_URL": judge, "HOOK_URL": hook, "HOOK_SECRET": SECRET}
        return homes.invoke("backfill", *days, home=self.home, **variables)

    def deliver(self, hook):
        """The job that the hourly schedule runs."""
        from alignment_monitor.definitions import defs

        variables = {
            "ALIGNMENT_MONITOR_HOME": str(self.home),
            "HOOK_URL": hook,
            "HOOK_SECRET": SECRET,
        }
        with mock.patch.dict(os.environ, variables), dg.DagsterInstance.ephemeral() as instance:
            job = defs.resolve_job_def("delivery")
            assert job.execute_in_process(instance=instance).success

    def calls(self):
        return len((self.home / "judge" / "requests.jsonl").read_text().splitlines())

    def mart(self, name, day=None):
        rows = homes.mart(self.home, name)
        return [row for row in rows if day is None or row["day"] == day]

    def states(self, day):
        rows = [row for row in self.mart("ledger_daily", day) if row["level"] == "message"]
        return {row["state"]: row["count"] for row in rows}


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """A day with a dead judge, that day again, then a good and an empty day, told to nobody."""
    operator, receiver = Operator(tmp_path_factory.mktemp("alerts") / "home"), WebhookReceiver()
    nowhere = f"http://127.0.0.1:{homes.closed_port()}"
    seen = SimpleNamespace(operator=operator, receiver=receiver, results={})

    def keep(name, result):
        seen.results[name] = result
        seen.__dict__[name] = SimpleNamespace(
            events=list(receiver.events),
            states={day: operator.states(day) for day in (DEAD, BETTER, EMPTY)},
            estimates=homes.estimates(operator.home),
            calls=operator.calls(),
            deliveries=operator.mart("deliveries"),
            alerts={row["opened_on"]: row["state"] for row in operator.mart("alerts")},
        )

    with receiver.running() as hook, operator.judge() as judge:
        keep("dead", operator.run(DEAD, DEAD, f"{nowhere}/v1", hook))
        keep("again", operator.run(DEAD, DEAD, judge, hook))
        keep("later", operator.run(BETTER, EMPTY, judge, f"{nowhere}/hook"))
        operator.deliver(hook)
        operator.deliver(hook)
        keep("told", None)
    return seen


def rate_of(snapshot, day):
    return [row for row in snapshot.estimates if row["day"] == day and row["window_days"] == 1]


def test_runs_succeed_whoever_is_dead(story):
    for name, result in story.results.items():
        assert result is None or result.exit_code == 0, f"{name}: {result.output}{result.stderr}"


def test_a_dead_judge_is_no_data_and_never_zero(story):
    assert set(story.dead.states[DEAD]) == {"judge_failed", "sampled_out"}
    assert [row for row in rate_of(story.dead, DEAD) if row["prevalence"] is not None] == []
    assert [row for row in rate_of(story.again, DEAD) if row["prevalence"] is not None] != []


def test_a_dead_judge_is_told_by_a_signed_webhook(story):
    assert story.dead.events == ["alert.firing"]
    told = story.receiver.seen[0]["data"]
    assert (told["type"], told["behaviour"], told["n"]) == ("PIPELINE", "coverage", 0)
    assert str(DEAD) in told["statement"]
    assert story.dead.alerts == {DEAD: "firing"}


def test_a_judge_that_is_back_is_asked_what_it_owes(story):
    owed = story.dead.states[DEAD]["judge_failed"]
    assert story.dead.calls == 0
    assert story.again.calls == owed > 10
    assert story.again.states[DEAD]["judged"] == owed


def test_the_alert_ends_on_the_next_good_day_and_an_empty_day_opens_another(story):
    assert story.again.alerts == {DEAD: "firing"}
    assert story.later.alerts == {DEAD: "resolved", EMPTY: "firing"}
    assert story.later.states[BETTER]["judged"] > 10
    assert story.later.states[EMPTY] == {}
    assert rate_of(story.later, EMPTY) == []


def test_a_receiver_that_was_down_gets_each_alert_once_and_in_order(story):
    assert story.later.events == ["alert.firing"]
    waiting = [row["event"] for row in story.later.deliveries if row["status"] == "pending"]
    assert sorted(waiting) == ["alert.firing", "alert.resolved"]
    assert story.told.events == ["alert.firing", "alert.resolved", "alert.firing"]
    assert len(story.receiver.requests) == 3
    assert {row["status"] for row in story.told.deliveries} == {"delivered"}


def test_an_empty_day_says_that_there_is_no_value(story):
    told = story.receiver.seen[2]["data"]
    assert (told["type"], told["value"], told["n"]) == ("PIPELINE", None, 0)
    assert str(EMPTY) in told["statement"]


def newest_failure(instance):
    (run, *_) = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]), limit=1)
    kind = dg.DagsterEventType.RUN_FAILURE
    (record, *_) = instance.get_records_for_run(run.run_id, of_type=kind).records
    return run, record.event_log_entry.dagster_event


@pytest.fixture(scope="module")
def broken(story):
    """A kept answer has come to quote what nobody said; the day is run again."""
    operator = story.operator
    engine = open_store(load(operator.home).store_url)
    with engine.begin() as connection:
        rows = connection.execute(select(verdict_journal)).mappings().all()
        for row in rows:
            answer = json.loads(row["answer"])
            for graded in answer["behaviours"].values():
                if graded["quote"]:
                    graded["quote"] = "Nobody ever said this."
            changed = update(verdict_journal).where(verdict_journal.c.unit_hash == row["unit_hash"])
            connection.execute(changed.values(answer=json.dumps(answer)))
    engine.dispose()
    before = {
        path.name: path.read_bytes()
        for path in (operator.home / "marts").glob("*.parquet")
        if path.name != "quality.parquet"
    }
    result = operator.run(DEAD, DEAD, "http://127.0.0.1:9/v1", "http://127.0.0.1:9/hook")
    return SimpleNamespace(result=result, before=before)


def test_a_broken_table_stops_everything_below_it_by_name(story, broken):
    assert broken.result.exit_code == 2
    assert "The run failed" in broken.result.stderr
    assert "verdicts_are_sound" in broken.result.stderr
    assert "quotes_are_literal" in broken.result.stderr
    assert "Nobody ever said this" not in broken.result.stderr
    marts = story.operator.home / "marts"
    assert {name: (marts / name).read_bytes() for name in broken.before} == broken.before
    quality = Counter(
        (row["table"], row["success"])
        for row in story.operator.mart("quality")
        if row["severity"] == "critical"
    )
    assert quality["verdicts", False] == 1


def test_a_failed_run_is_a_pipeline_alert(story, broken):
    from alignment_monitor import schedules
    from alignment_monitor.resources.monitor import Monitor

    operator, receiver = story.operator, WebhookReceiver()
    environment = {"DAGSTER_HOME": str(operator.home / "dagster"), "HOOK_SECRET": SECRET}
    with receiver.running() as hook, mock.patch.dict(os.environ, environment):
        os.environ["HOOK_URL"] = hook
        with dg.DagsterInstance.get() as instance:
            run, event = newest_failure(instance)
            for _ in range(2):
                context = dg.build_run_status_sensor_context(
                    sensor_name="failed_run",
                    dagster_event=event,
                    dagster_instance=instance,
                    dagster_run=run,
                    resources={"monitor": Monitor(home=str(operator.home))},
                )
                schedules.failed_run(context.for_run_failure())
        operator.deliver(hook)
    assert receiver.events == ["alert.firing"]
    told = receiver.seen[0]["data"]
    assert (told["type"], told["behaviour"]) == ("PIPELINE", "run")
    assert run.run_id[:8] in told["statement"]


def test_the_recheck_asks_for_exactly_the_days_that_have_news(tmp_path):
    from alignment_monitor import schedules
    from alignment_monitor.resources.monitor import Monitor

    now = datetime.now(UTC)
    yesterday = now.date() - timedelta(days=1)
    built, late, old = (yesterday - timedelta(days=n) for n in (0, 1, 60))

    def bring(day, name):
        path = tmp_path / f"{name}.jsonl"
        messages = [{"role": "user", "content": "q"}, {"role": "assistant", "content": name}]
        record = {"id": name, "model": "m-1", "created": f"{day}T10:00:00Z", "messages": messages}
        path.write_text(json.dumps(record))
        assert homes.invoke("import", str(path), home=tmp_path / "home").exit_code == 0

    def asked() -> list[date]:
        context = dg.build_schedule_context(
            scheduled_execution_time=now,
            resources={"monitor": Monitor(home=str(tmp_path / "home"))},
        )
        return [date.fromisoformat(r.partition_key) for r in schedules.hourly_recheck(context)]

    for day in (built, late, old, now.date()):
        bring(day, f"first of {day}")
    assert asked() == [late, built]
    for day in (built, late, old):
        write_day(tmp_path / "home" / "lake", day, traffic(day, 1))
    assert asked() == []
    bring(late, "late")
    assert asked() == [late]
