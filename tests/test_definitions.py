"""The graph as a small literal: what a newcomer reads in definitions.py is what runs."""

import dagster as dg
import pytest

from alignment_monitor.definitions import defs

FLOW = {
    "screenings": {"conversations"},
    "judging_sample": {"screenings"},
    "verdicts": {"judging_sample"},
    "judge_quality": {"verdicts"},
    "transcripts": {"verdicts"},
    "drift_signals": {"estimates", "judge_quality"},
    "label_requests": {"drift_signals", "transcripts", "judged_messages"},
    "stand_in_labels": {"drift_signals"},
    "alerts": {"drift_signals"},
    "deliveries": {"alerts"},
}
BLOCKING_CHECKS = {
    "conversations_are_sound",
    "judging_sample_is_sound",
    "verdicts_are_sound",
    "sampling_design_is_sound",
}


@pytest.fixture(scope="module")
def graph():
    return defs.resolve_asset_graph()


def key(name):
    return dg.AssetKey(name)


def test_the_definitions_load_and_flow_in_order(graph):
    dg.Definitions.validate_loadable(defs)
    for name, parents in FLOW.items():
        assert {k.path[-1] for k in graph.get(key(name)).parent_keys} == parents, name


def test_dbt_stands_between_verdicts_and_estimates(graph):
    assert key("stg_verdicts") in graph.get(key("verdicts")).child_keys
    assert key("int_user_days") in graph.get(key("estimates")).parent_keys


def test_verdicts_write_a_design_and_no_run_waits_for_its_own(graph):
    """It rests on what dbt built; the sample reads what earlier runs stored."""
    assert key("int_judged_answers") in graph.get(key("sampling_design")).parent_keys
    assert not graph.get(key("sampling_design")).child_keys


def test_topics_rest_on_verdicts_and_what_was_said(graph):
    parents = graph.get(key("topics")).parent_keys
    assert {key("int_judged_answers"), key("transcripts")} <= set(parents)
    assert not graph.get(key("topics")).child_keys, "no decision rests on them"


def test_every_asset_has_an_owner_a_group_and_a_description(graph):
    for asset in graph.asset_nodes:
        if asset.is_materializable:
            assert asset.owners == ["team:alignment"], asset.key
            assert asset.group_name != "default", asset.key
            assert asset.description, asset.key


def test_the_checks_between_the_stages_block(graph):
    checks = {check.name: graph.get(check).blocking for check in graph.asset_check_keys}
    assert {name for name, blocking in checks.items() if blocking} >= BLOCKING_CHECKS


def test_jobs_schedules_and_sensors():
    repository = defs.get_repository_def()
    assert {job.name for job in repository.get_all_jobs()} >= {"daily_monitoring", "delivery"}
    schedules = {s.name: s for s in repository.schedule_defs}
    assert set(schedules) == {"daily", "hourly_recheck", "hourly_delivery"}
    assert {s.name for s in repository.sensor_defs} == {"failed_run", "stale", "dead_man"}
    # Looking at the graph must not spend money.
    assert all(s.default_status is dg.DefaultScheduleStatus.STOPPED for s in schedules.values())


def test_dagster_shows_when_alerts_are_late(graph):
    assert graph.get(key("alerts")).freshness_policy.deadline_cron == "0 6 * * *"
