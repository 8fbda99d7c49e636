"""What is concluded from which rows."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from facts import Facts
from verdict import judge

TITLES = {"agreement": "Unwarranted agreement", "caving": "Caving", "praise": "Praise"}
FIRST, LAST = date(2026, 9, 25), date(2026, 11, 23)
RUN = "2026-11-24T02:00:00+00:00"
ABOUT = {"baseline_days": 28, "average_run_length_years": 5.0, "generated_at": RUN}


def signal(behaviour="agreement", day=LAST, phase="watching", soon=0.06, later=0.03, **values):
    return {
        "day": day, "behaviour": behaviour, "phase": phase,
        "detectable_7d": soon, "detectable_30d": later, **values,
    }  # fmt: skip


def alert(behaviour="agreement", kind="MODEL", state="firing", direction="up", **told):
    return {
        "type": kind, "severity": "page", "behaviour": behaviour, "direction": direction,
        "state": state, "opened_on": date(2026, 11, 8), "evidence": json.dumps(told),
    }  # fmt: skip


DRIFT = {
    "value": 0.21, "lower": 0.18, "upper": 0.25, "baseline": 0.10, "start_day": "2026-11-04",
    "nearest_deployment": "aurora-1.2",
}  # fmt: skip


def facts(
    signals=None,
    alerts=(),
    about=ABOUT,
    now=datetime(2026, 11, 24, 3, tzinfo=UTC),
    resets=(),
):
    return Facts(
        family="aurora",
        subject="Sycophancy",
        headline=("agreement", "caving"),
        signals=[signal(), signal("caving")] if signals is None else signals,
        alerts=list(alerts),
        deployments=[{"deployment": "aurora-1.2", "first_day": date(2026, 11, 3)}],
        about=about,
        now=now,
        title_of=TITLES.__getitem__,
        resets=resets,
    )


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def test_a_change_is_told_with_interval_start_and_nearest_deployment():
    told = judge(facts(alerts=[alert(**DRIFT)]))
    assert told.status == "change"
    assert plain(told.headline) == (
        "Sycophancy of aurora changed: unwarranted agreement rose from 10 % to 21 % [18, 25] "
        "since 4 Nov, 1 day after aurora-1.2 began."
    )
    assert plain(told.assurance) == "False alarms are expected once in 5 years."


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ({**DRIFT, "start_day": "2026-11-03"}, "[18, 25] since 3 Nov, the day aurora-1.2 began."),
        ({**DRIFT, "start_day": "2026-11-01"}, "since 1 Nov, 2 days before aurora-1.2 began."),
        ({**DRIFT, "start_day": "2025-12-30"}, "since 30 Dec 2025, "),
        ({**DRIFT, "nearest_deployment": None}, "[18, 25] since 4 Nov."),
        ({**DRIFT, "value": 0.104}, "rose from 10.0 % to 10.4 %"),
        ({"effect": 0.108, "start_day": "2026-11-04"}, "rose by 11 points since 4 Nov."),
        ({}, "unwarranted agreement rose."),
    ],
)
def test_a_change_says_what_is_known_of_it(told, sentence):
    assert sentence in plain(judge(facts(alerts=[alert(**told)])).headline)


def test_headline_behaviours_come_first_and_the_rest_is_counted():
    alerts = [alert(name, **DRIFT) for name in ("praise", "caving", "praise", "agreement")]
    told = judge(facts(alerts=alerts))
    assert "unwarranted agreement" in told.headline
    assert told.details[0].startswith("Caving")
    assert plain(told.details[-1]) == "1 further change: see the charts below."


def test_the_segments_behind_a_change_are_named():
    drivers = [
        {"segment": "voice", "before": 0.12, "after": 0.31, "n": 80, "difference": 0.19},
        {"segment": "api", "before": 0.1, "after": None, "n": 0, "difference": None},
    ]
    told = judge(facts(alerts=[alert(**DRIFT, drivers=drivers)]))
    assert plain(told.details[0]) == "Most of it in voice (12 % to 31 %)."


@pytest.mark.parametrize(
    ("state", "counts", "said"),
    [
        ("firing", True, ""),
        ("acknowledged", True, "(acknowledged)"),
        ("silenced", True, "(silenced)"),
        ("pending", False, ""),
        ("resolved", False, ""),
    ],
)
def test_only_open_alerts_count(state, counts, said):
    told = judge(facts(alerts=[alert(state=state, **DRIFT)]))
    assert (told.status == "change") is counts
    assert said in told.headline


def test_steady_always_comes_with_the_power_to_have_seen():
    told = judge(facts([signal(), signal("caving", soon=0.11, later=0.052)]))
    assert told.status == "steady"
    assert plain(told.headline) == "No change of aurora found up to 23 Nov 2026."
    assert plain(told.assurance) == (
        "A change of 6 to 11 points within 7 days, or of 3 to 5.2 points within 30 days, would "
        "have been found; caving is the hardest to see. Smaller or newer ones may be there unseen."
    )


def test_of_two_directions_the_weaker_promise_is_told():
    told = judge(facts([signal(soon=0.04), signal(soon=0.09)]))
    assert "9 points within 7 days" in plain(told.assurance)


def test_without_power_nothing_is_called_steady():
    told = judge(facts([signal(soon=None, later=None)]))
    assert told.status == "unknown"


def test_a_series_without_power_is_named():
    told = judge(facts([signal(), signal("caving", soon=None, later=None)]))
    assert "What could be seen in caving is not known" in told.assurance


def test_the_baseline_says_how_far_it_is_and_that_nothing_can_be_called():
    days = [FIRST + timedelta(days=offset) for offset in range(12)]
    rows = [signal(day=day, phase="baseline", soon=None, later=None) for day in days]
    told = judge(facts(rows, about={"baseline_days": 28, "simulated": True}))
    assert told.status == "learning"
    assert told.headline == "Learning what is normal for aurora: day 12 of 28."
    assert "no drift can be called" in told.assurance


def test_the_baseline_tells_the_power_to_come_and_what_is_watched_already():
    rows = [signal(phase="baseline", soon=0.09), signal("caving")]
    told = judge(facts(rows))
    assert "Already watched: caving." in told.assurance
    assert "would be found once it ends" in told.assurance


@pytest.mark.parametrize("rows", [[], [signal(phase="no_data"), signal("caving", phase="no_data")]])
def test_silence_is_no_data(rows):
    assert judge(facts(rows)).status == "no_data"


def test_a_gap_is_said_first_and_is_never_steady():
    told = judge(facts([signal(phase="no_data"), signal("caving")]))
    assert told.status == "no_data"
    assert plain(told.notices[0]) == "No data for unwarranted agreement on 23 Nov 2026."


def test_a_pipeline_alert_is_said_before_a_change():
    broken = alert(kind="PIPELINE", statement="Half of the verdicts failed on 23 Nov.")
    told = judge(facts(alerts=[broken, alert(**DRIFT)]))
    assert told.status == "change"
    assert told.notices == ("Half of the verdicts failed on 23 Nov.",)


def test_a_judge_alert_is_not_called_a_change_of_the_model():
    told = judge(facts(alerts=[alert(kind="JUDGE", statement="The judge became laxer.")]))
    assert told.status == "judge"
    assert "the judge became laxer." in told.headline


SWAYED = {
    "statement": "Text under judgement talks the judge strict into verdicts: 27 % [18, 37] ...",
    "value": 0.27, "baseline": 0.05, "effect_lower": 0.18, "effect_upper": 0.37, "n": 168,
}  # fmt: skip


def injection(judge="strict", **told):
    return {**alert("injection", kind="JUDGE", **told), "deployment_family": judge}


def test_a_judge_that_text_sways_is_no_change_of_the_model():
    told = judge(facts(alerts=[injection(**SWAYED)]))
    assert told.status == "swayed"
    assert plain(told.headline) == (
        "The figures of aurora cannot be relied on: text under judgement talks judge strict into "
        "verdicts."
    )
    assert plain(told.details[0]) == (
        "On judge strict 27 % [18, 37] of 168 injection attempts succeed beyond chance, 5 % are "
        "tolerated."
    )
    assert "hide a fault or invent one" in told.assurance


def test_judges_are_told_together_and_before_other_shifts():
    shift = alert(kind="TRAFFIC", statement="The traffic changed.")
    found = [shift, injection(**SWAYED), injection("judge", **{**SWAYED, "value": None})]
    told = judge(facts(alerts=found))
    assert "talks judge strict and the judge into verdicts" in told.headline
    assert len(told.details) == 2
    assert told.details[1] == "The traffic changed."


def test_a_change_under_a_swayed_judge_says_so():
    told = judge(facts(alerts=[alert(**DRIFT), injection(**SWAYED)]))
    assert told.status == "change"
    assert plain(told.assurance).endswith(
        "Text under judgement talks judge strict into verdicts, so the change may not be the "
        "model’s."
    )


@pytest.mark.parametrize(
    ("about", "now", "notices"),
    [
        (ABOUT, "2026-11-25T01:00:00+00:00", 0),
        (ABOUT, "2026-11-30T01:00:00+00:00", 1),
        ({**ABOUT, "generated_at": "2026-11-30T00:00:00+00:00"}, "2026-11-30T00:00:00+00:00", 1),
        ({**ABOUT, "simulated": True}, "2027-11-30T00:00:00+00:00", 0),
        ({}, "2027-11-30T00:00:00+00:00", 0),
    ],
)
def test_old_news_is_said_to_be_old(about, now, notices):
    told = judge(facts(about=about, now=datetime.fromisoformat(now)))
    assert len(told.notices) == notices
    assert all(notice.startswith("Stale") for notice in told.notices)
    assert (told.status == "steady") is (notices == 0)


def test_evidence_that_cannot_be_read_does_not_hide_the_alert():
    row = {**alert(), "evidence": "not JSON"}
    assert judge(facts(alerts=[row])).status == "change"
