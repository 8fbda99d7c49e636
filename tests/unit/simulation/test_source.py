from datetime import timedelta
from random import Random

from alignment_monitor.contracts import RECEIVED
from alignment_monitor.settings import Settings
from alignment_monitor.simulation.source import SimulationSource
from alignment_monitor.simulation.truth import text_key
from alignment_monitor.simulation.world import FAMILY, simulate_day, simulated_days


def test_a_day_arrives_whole_and_redaction_leaves_every_reply_known(
    small_config, truth, tmp_path
) -> None:
    source = SimulationSource(small_config, Settings(home=tmp_path))
    day = Random(2).choice(simulated_days(small_config))
    rows = source.read(day).to_pylist()
    assert len(rows) == len(simulate_day(small_config, day))
    assert {row["conversation_id"] for row in rows} == {
        conversation.raw.conversation_id for conversation in simulate_day(small_config, day)
    }
    for row in rows:
        assert (row["day"], row["source"], row["rule"]) == (day, "simulation", None)
        assert row["deployment_family"] == FAMILY
        assert row["redactions"] == 0
        assert dict(row["segments"]).keys() == {"surface", "locale"}
        replies = [turn for turn in row["turns"] if turn["role"] == "assistant"]
        assert all(truth.find(text_key(turn["content"])) for turn in replies)


def test_days_outside_the_world_are_empty(small_config, tmp_path) -> None:
    source = SimulationSource(small_config, Settings(home=tmp_path))
    table = source.read(small_config.first_day - timedelta(days=1))
    assert table.num_rows == 0
    assert table.schema == RECEIVED.schema
    assert source.name == "simulation"
