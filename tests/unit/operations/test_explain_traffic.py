"""What a moved opportunity rate is put down to, in words."""

from alignment_monitor.detection.explanation import explain
from alignment_monitor.detection.traffic import whose
from alignment_monitor.operations import explain_traffic
from tests.unit.detection.traffic_world import Traffic

FLAG = ("family-0", "claim")


def said(traffic, direction):
    steps, why = explain(traffic.run, *FLAG, direction), whose(traffic, *FLAG, direction)
    row = {"average_run_length_days": traffic.run.watch.average_run_length_days}
    lines = [*explain_traffic.sentinels(why), *explain_traffic.decision(steps, row, why)]
    return " / ".join(lines)


def test_later_turns_alone_are_unattributed_and_the_other_direction_is_quiet():
    traffic = Traffic(later=0.6).run(7)
    up = said(traffic, "up")
    assert "60 that have it and 60 that have not were judged this day" in up
    assert "first turns did not, the judge is cleared: UNATTRIBUTED" in up
    assert "days × 2 series; in that time a false page is stated 10 times" in up
    assert "no alarm, so there is no change to be explained" in said(traffic, "down")


def test_where_nobody_speaks_for_the_judge_it_is_not_cleared():
    up = said(Traffic(first=0.6, later=0.6, sentinels=0).run(7), "up")
    assert "they do not clear the judge: they moved, or are too few to tell" in up
    assert "highest of their charts" not in up
    assert "first turns moved, the judge is not cleared: UNATTRIBUTED" in up
