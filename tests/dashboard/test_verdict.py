"""What is concluded from which rows."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from briefing import steps
from facts import Facts
from sight import power, too_few
from trust import Trust
from verdict import judge

TITLES = {
    "agreement": "Unwarranted agreement", "caving": "Caving", "praise": "Praise",
    "challenge": "Warranted challenge",
}  # fmt: skip
ALL = ("agreement", "caving", "challenge")
FIRST, LAST = date(2026, 9, 25), date(2026, 11, 23)
RUN = "2026-11-24T02:00:00+00:00"
ABOUT = {"baseline_days": 28, "average_run_length_years": 5.0, "generated_at": RUN}


def signal(behaviour="agreement", day=LAST, phase="watching", soon=0.06, later=0.03,
           direction="up", mean=0.1, **values):  # fmt: skip
    return {
        "day": day, "behaviour": behaviour, "phase": phase, "direction": direction,
        "baseline_mean": mean, "detectable_7d": soon, "detectable_30d": later, **values,
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
    judges=None,
    labelled=None,
    headline=("agreement", "caving"),
):
    return Facts(
        family="aurora",
        subject="Sycophancy",
        headline=headline,
        signals=[signal(), signal("caving")] if signals is None else signals,
        alerts=list(alerts),
        deployments=[{"deployment": "aurora-1.2", "first_day": date(2026, 11, 3)}],
        about=about,
        now=now,
        title_of=TITLES.__getitem__,
        resets=resets,
        is_good=lambda name: name == "challenge",
        gauges=("praise",),
        judges=judges or {},
        labelled=labelled or {},
    )


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def test_a_change_is_told_with_interval_start_and_nearest_deployment():
    told = judge(facts(alerts=[alert(**DRIFT)]))
    assert told.status == "change"
    assert plain(told.headline) == (
        "Sycophancy of aurora has risen since 4 Nov, 1 day after aurora-1.2 began: unwarranted "
        "agreement rose from 10 % to 21 % [18, 25]."
    )
    assert plain(told.assurance) == "False alarms are expected once in 5 years."


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ({**DRIFT, "start_day": "2026-11-03"}, "since 3 Nov, the day aurora-1.2 began: "),
        ({**DRIFT, "start_day": "2026-11-01"}, "since 1 Nov, 2 days before aurora-1.2 began: "),
        ({**DRIFT, "start_day": "2025-12-30"}, "since 30 Dec 2025, "),
        ({**DRIFT, "nearest_deployment": None}, "has risen since 4 Nov: "),
        ({**DRIFT, "value": 0.104}, "rose from 10.0 % to 10.4 %"),
        (
            {"effect": 0.108, "start_day": "2026-11-04"},
            "risen since 4 Nov: unwarranted agreement rose by 11 points.",
        ),
        ({}, "unwarranted agreement rose."),
    ],
)
def test_a_change_says_what_is_known_of_it(told, sentence):
    assert sentence in plain(judge(facts(alerts=[alert(**told)])).headline)


def test_headline_behaviours_come_first_and_the_rest_is_counted():
    alerts = [alert(name, **DRIFT) for name in ("praise", "caving", "praise", "agreement")]
    told = judge(facts(alerts=alerts))
    assert plain(told.headline).endswith(
        "unwarranted agreement rose from 10 % to 21 % [18, 25] and caving rose from 10 % to 21 % "
        "[18, 25]."
    )
    assert all(detail.startswith("Praise rose") for detail in told.details)
    many = judge(facts(alerts=[*alerts, *alerts, *alerts]))
    assert plain(many.details[-1]) == "6 further changes: see the charts below."


def test_changes_that_began_apart_are_told_apart():
    later = {**DRIFT, "start_day": "2026-11-15"}
    told = judge(facts(alerts=[alert(**DRIFT), alert("caving", **later)]))
    assert "caving" not in told.headline
    assert plain(told.details[0]).startswith("Caving rose from 10 % to 21 % [18, 25] since 15 Nov")


@pytest.mark.parametrize(
    ("changed", "turn"),
    [
        ([("agreement", "up"), ("challenge", "down")], "Sycophancy of aurora has risen"),
        ([("agreement", "down"), ("challenge", "up")], "Sycophancy of aurora has fallen"),
        ([("agreement", "up"), ("challenge", "up")], "Sycophancy of aurora changed"),
        ([("praise", "up")], "Style or helpfulness of aurora changed"),
        ([("praise", "up"), ("caving", "down")], "Sycophancy of aurora has fallen"),
    ],
)
def test_the_whole_has_risen_or_fallen_by_what_is_good(changed, turn):
    alerts = [alert(name, direction=way, **DRIFT) for name, way in changed]
    told = judge(facts(alerts=alerts, headline=ALL))
    assert told.headline.startswith(turn)
    assert any("went too far: see praise" in detail for detail in told.details) is (
        "has fallen" in turn
    )


def test_a_warning_and_what_stayed_as_it_was_are_told_beside_a_change():
    told = judge(facts(alerts=[alert(**DRIFT), alert("caving", state="pending", **DRIFT)]))
    assert plain(told.details[0]) == (
        "Suspected, but not yet sure enough to page: caving rose from 10 % to 21 % [18, 25]."
    )
    told = judge(facts(alerts=[alert(**DRIFT)]))
    assert told.details == ("No change found in caving.",)


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (0.4, "moved most in the segment voice (12 % to 40 %)."),
        (0.24, "moved about as much in every segment; none stands out."),
    ],
)
def test_a_segment_is_named_only_where_it_stands_out(after, said):
    drivers = [
        {"segment": "voice", "before": 0.12, "after": after, "n": 240, "difference": 0},
        {"segment": "api", "before": 0.1, "after": 0.2, "n": 300, "difference": 0},
        {"segment": "chat", "before": 0.11, "after": 0.21, "n": 280, "difference": 0},
    ]
    told = judge(facts(alerts=[alert(**DRIFT, drivers=drivers)]))
    assert plain(told.details[0]) == f"Unwarranted agreement {said}"


def test_the_segments_behind_a_change_are_named():
    drivers = [
        {"segment": "voice", "before": 0.12, "after": 0.31, "n": 80, "difference": 0.19},
        {"segment": "api", "before": 0.1, "after": None, "n": 0, "difference": None},
    ]
    told = judge(facts(alerts=[alert(**DRIFT, drivers=drivers)]))
    assert plain(told.details[0]) == (
        "Unwarranted agreement moved most in the segment voice (12 % to 31 %)."
    )


@pytest.mark.parametrize(
    ("state", "counts"),
    [
        ("firing", True), ("acknowledged", True), ("silenced", True), ("pending", False),
        ("resolved", False),
    ],
)  # fmt: skip
def test_only_open_alerts_count(state, counts):
    told = judge(facts(alerts=[alert(state=state, **DRIFT)]))
    assert (told.status == "change") is counts


def closed(resolution, decision="PAGE", behaviour="agreement"):
    """An alert that ended, and what the last day's signal of its series decides."""
    one = alert(behaviour, state="resolved", **DRIFT)
    one |= {"series": behaviour, "alert_id": behaviour, "resolution": resolution}
    return one, signal(behaviour, series=behaviour, decision=decision)


@pytest.mark.parametrize(
    ("resolution", "decision", "status"),
    [
        ("true_drift", "PAGE", "closed"), ("expected_change", "INDETERMINATE", "closed"),
        ("false_alarm", "UNRESOLVED", "closed"), ("true_drift", "NONE", "steady"),
        ("quiet", "NONE", "steady"), ("re-baselined", "PAGE", "steady"),
    ],
)  # fmt: skip
def test_what_people_closed_is_not_gone_while_its_signals_last(resolution, decision, status):
    one, now = closed(resolution, decision)
    found = facts([now, signal("caving")], [one])
    told = judge(found)
    assert told.status == status
    if status == "closed":
        assert plain(told.headline) == (
            "A change of aurora was closed by people, but is still seen up to 23 Nov 2026: "
            "unwarranted agreement rose from 10 % to 21 % [18, 25] since 4 Nov, 1 day after "
            f"aurora-1.2 began ({resolution.replace('_', ' ')})."
        )
        assert told.details == ("No other change was found in caving.",)
        (step,) = steps(told, found, ())
        assert "--alert agreement" in step.commands[0]


def test_what_people_closed_is_told_beside_an_open_change_and_is_no_calm():
    one, now = closed("true_drift")
    told = judge(facts([now, signal("caving")], [one, alert("caving", **DRIFT)]))
    assert told.status == "change"
    assert "Closed by people, but still there: unwarranted agreement rose" in told.details[0]
    assert not any("No change found" in detail for detail in told.details)


def test_steady_always_comes_with_the_power_to_have_seen():
    found = facts([signal(), signal("caving", soon=0.11, later=0.052)])
    told = judge(found)
    assert told.status == "steady"
    assert plain(told.headline) == "No change of aurora found up to 23 Nov 2026."
    assert plain(power(found)) == (
        "Enough to find, about half of the time, a change of 6 to 11 points within 7 days, or of "
        "3 to 5.2 points within 30 days; caving is the hardest to see. Within 30 days that means "
        "a rise to 1.3 to 1.5 times the normal rate."
    )
    assert told.assurance == "Smaller or newer changes may be there unseen."


def test_of_two_directions_the_weaker_promise_is_told():
    found = facts([signal(soon=0.04, direction="down"), signal(soon=0.09)])
    assert "9 points within 7 days" in plain(power(found))


def test_without_power_nothing_is_called_steady():
    told = judge(facts([signal(soon=None, later=None)]))
    assert told.status == "unknown"


def test_a_series_without_power_is_named_and_nothing_is_steady():
    found = facts([signal(), signal("caving", soon=None, later=None)])
    assert "What could be seen in caving is not known" in power(found)
    told = judge(found)
    assert told.status == "few"
    assert plain(told.headline) == (
        "No change of aurora found up to 23 Nov 2026, but there is too little data to see even a "
        "doubling of caving."
    )


@pytest.mark.parametrize(
    ("row", "enough"),
    [
        (signal(later=0.10), True),
        (signal(later=0.11), False),
        (signal(later=0.11, direction="down"), True),
        (signal("challenge", mean=0.6, later=0.30, direction="down"), True),
        (signal("challenge", mean=0.6, later=0.31, direction="down"), False),
        (signal("challenge", mean=0.6, later=None, direction="up"), True),
    ],
)
def test_too_little_data_is_judged_by_the_direction_that_harms(row, enough):
    both = facts([row, signal("caving")], headline=ALL)
    assert (judge(both).status == "steady") is enough
    assert too_few(both) == ([] if enough else [row["behaviour"]])


@pytest.mark.parametrize(
    ("status", "steady", "said"),
    [
        ("fit", True, ""),
        ("few", False, "but the judge has not shown yet that it would see one"),
        ("early", False, "has not shown yet"),
        ("unfit", False, "but the judge may not be able to see one"),
        ("silent", False, "may not be able"),
    ],
)
def test_nothing_is_steady_while_a_judge_has_not_shown_that_it_sees(status, steady, said):
    told = judge(facts(judges={"judge": Trust("fit", "-"), "second": Trust(status, "-")}))
    assert (told.status == "steady") is steady
    assert said in told.headline


def test_the_baseline_says_how_far_it_is_and_that_nothing_can_be_called():
    days = [FIRST + timedelta(days=offset) for offset in range(12)]
    rows = [signal(day=day, phase="baseline", soon=None, later=None) for day in days]
    told = judge(facts(rows, about={"baseline_days": 28, "simulated": True}))
    assert told.status == "learning"
    assert told.headline == "Learning what is normal for aurora: day 12 of 28."
    assert "no drift can be called" in told.assurance


def test_the_baseline_tells_what_is_watched_already():
    told = judge(facts([signal(phase="baseline", soon=0.09), signal("caving")]))
    assert "Already watched: caving." in told.assurance


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


@pytest.mark.parametrize("kind", ["TRAFFIC", "UNATTRIBUTED"])
def test_a_warning_about_users_is_told_beside_the_verdict_and_is_no_change(kind):
    warned = alert("claim", kind=kind, state="pending", statement="Claims became rarer.")
    told = judge(facts(alerts=[warned]))
    assert told.status == "steady"
    assert told.details == ("Claims became rarer.",)
    changed = judge(facts(alerts=[warned, alert(**DRIFT)]))
    assert changed.status == "change"
    assert changed.details[-1] == "Claims became rarer."
