"""What stands under the verdict: how sure, whether data is enough, who knows, what next."""

import pytest
from briefing import alerts, enough, people, steps, sureness
from trust import Trust
from verdict import judge

from tests.dashboard.test_verdict import DRIFT, alert, facts, injection, plain, signal

PAGES = {"alerts", "conversations", "judges", "health"}
DRIFTED = {"alert_id": "a1", **alert(**DRIFT)}


def told(found):
    return [
        plain(f"{step.before} {step.label}".strip() + step.after)
        for step in steps(judge(found), found, PAGES)
    ]


def test_a_change_is_to_be_acknowledged_read_labelled_and_decided_on():
    found = facts(alerts=[DRIFTED])
    made = steps(judge(found), found, PAGES)
    assert [step.page for step in made] == ["alerts", "conversations", "", ""]
    assert made[1].query == "days=2026-11-04&days=2026-11-23&flagged=Unwarranted+agreement"
    assert made[2].commands == ("alignment-monitor labels queue --n 50",)
    assert "If it is real and unwanted, roll aurora-1.2 back." in made[3].before
    assert "rebaseline --alert a1" in made[3].commands[0]


def test_a_rollback_names_the_deployment_before():
    found = facts(alerts=[DRIFTED])
    older = {"deployment": "aurora-1.1", "first_day": found.deployments[0]["first_day"]}
    object.__setattr__(found, "deployments", [older, *found.deployments])
    assert any("roll aurora-1.2 back to aurora-1.1" in words for words in told(found))


def test_the_page_for_labels_is_linked_where_there_is_one():
    found = facts(alerts=[DRIFTED])
    pages = [step.page for step in steps(judge(found), found, PAGES | {"labelling"})]
    assert pages == ["alerts", "conversations", "labelling", ""]


def test_who_has_acknowledged_need_not_again():
    found = facts(alerts=[{**DRIFTED, "state": "acknowledged"}])
    assert told(found)[0].startswith("Read")


def test_a_change_that_was_declared_normal_needs_no_command():
    reset = {
        "reset_id": 1, "behaviour": "agreement", "recorded_on": found_day(24), "from_day":
        found_day(4), "author": "ann", "reason": "-",
    }  # fmt: skip
    found = facts(alerts=[DRIFTED], resets=[reset])
    made = steps(judge(found), found, PAGES)
    assert made[-2].commands == ()
    assert "the run of 24 Nov 2026 ends this alert" in plain(made[-1].before)


def found_day(number):
    from datetime import date

    return date(2026, 11, number)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (facts(), ["Nothing."]),
        (facts([signal(phase="baseline")]), ["Wait until normal is learnt."]),
        (facts([]), ["See where rows stopped on Health."]),
        (facts([signal(later=None)]), ["Judge more messages a day, by this setting, or wait."]),
        (
            facts(alerts=[injection()]),
            [
                "Say that you look after it: acknowledge it on Alerts.",
                "See what is known of judge strict.",
            ],
        ),
        (facts(judges={"strict": Trust("few", "-")}), ["See what is known of judge strict."]),
    ],
)
def test_each_verdict_has_its_next_step(found, words):
    assert told(found) == words


def state(kind, **values):
    return {**DRIFTED, "state": kind, **values}


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ([], "None is open."),
        ([state("resolved")], "None is open."),
        ([state("firing")], "1 alert is open. Nobody has acknowledged it."),
        ([state("firing"), state("firing")], "2 alerts are open. Nobody has acknowledged any of"),
        ([state("acknowledged")], "1 alert is open. Acknowledged."),
        (
            [state("acknowledged"), state("firing"), state("pending")],
            "2 alerts and 1 warning are open. 1 acknowledged. Nobody has acknowledged the other",
        ),
        ([state("pending")], "1 warning is open."),
        ([state("silenced")], "1 alert is open. 1 silenced."),
        (
            [state("firing", held_by="j"), state("firing", alert_id="j", type="JUDGE")],
            "1 held back, told to nobody: an open JUDGE alert may explain it.",
        ),
        (
            [state("firing", held_by="gone")] * 2,
            "2 held back, told to nobody: another alert may explain them.",
        ),
    ],
)
def test_alerts_are_counted_with_who_knows_of_them(rows, line):
    assert line in plain(alerts(facts(alerts=rows)))


def test_how_sure_says_false_alarms_the_judge_people_and_what_brackets_are():
    found = facts(alerts=[DRIFTED], judges={"judge": Trust("fit", "-")})
    said = plain(sureness(judge(found), found))
    assert said.startswith("Found on 8 Nov, 4 days after it began. False alarms")
    assert "once in 5 years" in said
    assert "The judge is healthy" in said
    assert "No person has labelled" in said
    assert "in the 7 days to 23 Nov 2026, each with its 95 % interval" in said


def test_a_judge_that_is_not_healthy_is_told_in_its_own_words():
    fit, bad = Trust("fit", "-"), Trust("unfit", "Judge strict cannot be relied on.")
    found = facts(alerts=[DRIFTED], judges={"judge": fit, "strict": bad})
    assert "Judge strict cannot be relied on." in sureness(judge(found), found)
    assert "healthy" not in sureness(judge(found), found)


def test_labels_of_people_stand_beside_the_judge():
    row = {"prevalence": 0.17, "lower": 0.12, "upper": 0.22, "window_days": 28}
    found = facts(alerts=[DRIFTED], labelled={"agreement": row})
    assert plain(people(found)) == (
        "People’s labels of 28 days give 17 % [12, 22] unwarranted agreement."
    )
    assert people(facts(labelled={"agreement": row})) == ""


def test_a_judge_that_stands_in_for_people_is_named():
    found = facts(alerts=[DRIFTED], about={"stand_in": "other"})
    assert people(found) == "No person labels: judge other stands in for people."


def test_whether_data_is_enough_is_told_even_where_nobody_knows():
    found = facts([signal(soon=None, later=None)])
    assert enough(judge(found), found) == "It is not known which change could have been seen."
    learning = facts([signal(phase="baseline")])
    assert enough(judge(learning), learning).startswith("Once it is learnt, enough to find")
    assert enough(judge(facts([])), facts([])) == ""
