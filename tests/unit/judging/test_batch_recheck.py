"""Days are asked for once their batches are over, and only those."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest
import yaml
from sqlalchemy import update

from alignment_monitor import schedules
from alignment_monitor.contracts import VERDICTS
from alignment_monitor.judging.batch.recheck import days_to_collect
from alignment_monitor.judging.verdicts import verdict_rows
from alignment_monitor.resources.monitor import Monitor
from alignment_monitor.settings import Judging
from alignment_monitor.store.schema import judge_batches
from tests.fakes.batch_server import BatchServer, Reply
from tests.unit.judging.batching import Runs, units

NOW = datetime.now(UTC)
FIRST, SECOND, OLD = (NOW.date() - timedelta(days=n) for n in (3, 2, 60))


@pytest.fixture
def server():
    return BatchServer()


class Home:
    """A home whose days are judged by batch, and what the recheck asks for."""

    def __init__(self, folder, url, **settings):
        judge = {"model": "judge-1", "base_url": url, "batch": True, "max_retries": 0, **settings}
        folder.mkdir(exist_ok=True)
        (folder / "monitor.yaml").write_text(yaml.safe_dump({"judging": {"judges": [judge]}}))
        self.monitor = Monitor(home=str(folder))
        self.runs = Runs(
            self.monitor.store, self.monitor.settings.judging.judges[0], self.monitor.rubric
        )

    def judge(self, day: date, first: int) -> None:
        wanted = units(4, first=first)
        answers = self.runs.run(wanted)
        rows = verdict_rows(day, wanted, answers, self.runs.judge, self.runs.rubric, Judging())
        self.monitor.lake.write(VERDICTS, day, VERDICTS.table(rows))

    def asked(self) -> dict[date, str]:
        context = dg.build_schedule_context(
            scheduled_execution_time=NOW, resources={"monitor": self.monitor}
        )
        found = list(schedules.hourly_recheck(context))
        return {date.fromisoformat(one.partition_key): one.run_key for one in found}


def test_a_day_is_asked_for_when_its_batch_has_ended_and_not_after_it_was_collected(
    tmp_path, server
):
    with server.running("polls=2"):
        home = Home(tmp_path / "home", server.url)
        assert home.asked() == {}
        home.judge(FIRST, 0)
        home.judge(OLD, 10)
        assert home.asked() == {}
        assert server.count("GET", "/v1/batches/*") == 1  # the old day is not looked at
        home.judge(SECOND, 20)
        assert list(first := home.asked()) == [FIRST]
        assert list(both := home.asked()) == [FIRST, SECOND]
        assert both[FIRST] == first[FIRST]
        home.judge(FIRST, 0)
        home.judge(SECOND, 20)
        assert home.asked() == {}
        looked = len(server.requests)
        home.asked()
        assert len(server.requests) == looked  # nothing is awaited: the provider is not asked


def test_what_a_run_could_not_collect_is_asked_for_again(tmp_path, server):
    with server.running():
        home = Home(tmp_path / "home", server.url)
        home.judge(FIRST, 0)
        first = home.asked()
        assert home.asked() == first  # the same key: Dagster runs it once
        server.script = lambda method, path, before: (
            Reply(500) if path.endswith("/content") else None
        )
        home.judge(FIRST, 0)
        second = home.asked()
    assert first.keys() == second.keys() == {FIRST}
    assert first[FIRST] != second[FIRST]


@pytest.mark.parametrize("accident", [Reply(500), Reply(401), Reply(200, b"<html>"), Reply(404)])
def test_a_provider_that_does_not_tell_starts_no_run(tmp_path, server, accident):
    with server.running():
        home = Home(tmp_path / "home", server.url)
        home.judge(FIRST, 0)
        server.script = lambda *asked: accident
        assert home.asked() == {}


def test_an_old_batch_that_the_provider_does_not_know_is_given_up_by_a_run(tmp_path, server):
    with server.running():
        home = Home(tmp_path / "home", server.url)
        home.judge(FIRST, 0)
        _change(home, created_at=NOW - timedelta(days=3))
        server.script = lambda *asked: Reply(404)
        assert list(home.asked()) == [FIRST]


def test_a_submission_that_was_cut_off_is_taken_up_once_its_lease_is_over(tmp_path, server):
    with server.running():
        home = Home(tmp_path / "home", server.url)
        home.judge(FIRST, 0)
        _change(home, status="submitting", batch_id=None, lease_until=NOW + timedelta(hours=1))
        assert home.asked() == {}
        _change(home, lease_until=NOW - timedelta(hours=1))
        assert list(home.asked()) == [FIRST]


def test_days_of_a_judge_that_is_set_otherwise_now_are_not_judged_anew(tmp_path, server):
    with server.running():
        Home(tmp_path / "home", server.url).judge(FIRST, 0)
        other = Home(tmp_path / "home", server.url, temperature=0.5)
        assert other.asked() == {}
        assert (
            days_to_collect(other.monitor.settings, other.monitor.store, other.monitor.rubric, OLD)
            == {}
        )


def _change(home, **values):
    with home.monitor.store.begin() as connection:
        connection.execute(update(judge_batches).values(**values))
