from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment_monitor.alerting.routing import MINUTE, Policy, free_at, recipients
from alignment_monitor.alerts_settings import Rule

NOW = datetime(2026, 12, 1, 2, 15, tzinfo=UTC)
CHANNELS = ["pager", "chat", "judges"]


@dataclass(frozen=True)
class About:
    type: str = "MODEL"
    severity: str = "page"
    deployment_family: str = "aurora"
    behaviour: str = "caving"


def told(alert, *rules):
    return recipients(alert, [Rule(**rule) for rule in rules], CHANNELS)


def test_without_rules_every_channel_is_told():
    assert told(About()) == CHANNELS


def test_the_first_rule_that_fits_decides():
    rules = [{"types": ["JUDGE"], "channels": ["judges"]}, {"channels": ["chat"]}]
    assert told(About(type="JUDGE"), *rules) == ["judges"]
    assert told(About(type="MODEL"), *rules) == ["chat"]


def test_a_rule_that_continues_lets_later_ones_add():
    rules = [
        {"severities": ["page"], "channels": ["pager"], "continue": True},
        {"types": ["MODEL"], "channels": ["chat"]},
        {"channels": ["judges"]},
    ]
    assert told(About(), *rules) == ["pager", "chat"]
    assert told(About(severity="warn"), *rules) == ["chat"]
    assert told(About(type="JUDGE"), *rules) == ["pager", "judges"]


def test_what_no_rule_fits_is_told_to_all_and_an_empty_list_to_nobody():
    assert told(About(), {"types": ["JUDGE"], "channels": ["judges"]}) == CHANNELS
    assert told(About(), {"types": ["MODEL"], "channels": []}) == []


@pytest.mark.parametrize(
    ("rule", "fits"),
    [
        ({"families": ["aur*"]}, True),
        ({"families": ["zephyr", "*ora"]}, True),
        ({"families": ["AURORA"]}, False),
        ({"behaviours": ["cav?ng"]}, True),
        ({"behaviours": ["flattery"]}, False),
        ({"families": ["aur*"], "behaviours": ["flattery"]}, False),
        ({"severities": ["warn"]}, False),
    ],
)
def test_patterns_must_all_fit(rule, fits):
    assert told(About(), {**rule, "channels": ["chat"]}, {"channels": []}) == ["chat"] * fits


def test_warnings_wait_for_the_next_digest_and_pages_do_not():
    policy = Policy(digest_at=time(8))
    assert policy.due("page", NOW) == (NOW, False)
    assert policy.due("warn", NOW) == (datetime(2026, 12, 1, 8, tzinfo=UTC), True)
    at_eight = datetime(2026, 12, 1, 8, tzinfo=UTC)
    assert policy.due("warn", at_eight) == (at_eight + timedelta(days=1), True)
    assert Policy().due("warn", NOW) == (NOW, False)


def test_only_more_than_a_small_number_go_together():
    assert [Policy(group_above=3).together(n) for n in (1, 3, 4)] == [False, False, True]
    assert not Policy().together(1000)


@given(
    gaps=st.lists(st.floats(0, 40), min_size=1, max_size=60),
    per_minute=st.integers(1, 12),
)
def test_no_sixty_seconds_ever_hold_more_than_the_limit(gaps, per_minute):
    """Messages that want to go at any times, each sent as soon as ``free_at`` lets it."""
    at, sent = NOW, []
    for gap in gaps:
        at += timedelta(seconds=gap)
        while (free := free_at(sent, per_minute, at)) > at:
            at = free
        sent.append(at)
    for number, first in enumerate(sent):
        within = [at for at in sent[number:] if at - first < MINUTE]
        assert len(within) <= per_minute
