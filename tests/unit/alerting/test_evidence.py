import json
from datetime import date

import numpy as np
import pytest

from alignment_monitor.alerting.evidence import Background, evidence

DAY = date(2026, 11, 6)
DRIFT = {
    "observed": 0.31,
    "baseline_mean": 0.1104,
    "effect": 0.158,
    "effect_lower": 0.11,
    "effect_upper": 0.219,
    "change_day": date(2026, 11, 4),
    "nearest_deployment": "aurora-1.2",
    "average_run_length_days": 1826.25,
    "detectable_7d": 0.061234567,
    "effective_n": 41.0,
}


def estimate(**changes):
    known = {
        "mode": "judge scale",
        "prevalence": 0.27123456,
        "lower": 0.22,
        "upper": 0.33,
        "n": 410,
        "effective_n": 288.8,
        "standardised": False,
        "version": 1,
    }
    return {**known, **changes}


def bundle(signal, estimates=(), drivers=(), simulated=False, decomposition=None):
    return evidence(
        signal,
        list(estimates),
        list(drivers),
        title="Caving",
        dashboard_url="http://localhost:8501/",
        simulated=simulated,
        background=Background(decomposition=decomposition),
    )


def test_a_drift_in_one_sentence(signal):
    told = bundle(signal(DAY, **DRIFT), [estimate()])
    assert told["statement"] == (
        "Caving of aurora rose from 11 % to 27 % [22, 33] in the 7 days to 2026-11-06: "
        "by 16 points [11, 22] since 2026-11-04, near the start of aurora-1.2."
    )
    assert told["value"] == 0.2712
    assert (told["n"], told["effective_n"], told["mode"]) == (410, 288.8, "judge scale")
    assert told["start_day"] == "2026-11-04"
    assert told["link"] == "http://localhost:8501/?family=aurora"


@pytest.mark.parametrize(
    ("changes", "estimates", "said"),
    [
        ({}, [], "Caving of aurora rose by 16 points [11, 22] since 2026-11-04, near"),
        ({"effect": None}, [estimate()], "[22, 33] in the 7 days to 2026-11-06 since 2026-11-04"),
        ({"nearest_deployment": None}, [], "since 2026-11-04."),
        ({"effect": None, "change_day": None}, [], "Caving of aurora rose."),
        (
            {"direction": "down", "effect": -0.0312, "effect_lower": -0.05, "effect_upper": -0.01},
            [estimate(prevalence=0.08, lower=0.06, upper=0.11)],
            "fell from 11.0 % to 8.0 % [6.0, 11.0] in the 7 days to 2026-11-06: "
            "by 3.1 points [1.0, 5.0] since",
        ),
        ({"effect_lower": None}, [], "by 16 points since"),
        (
            {
                "type": "JUDGE",
                "series": "JUDGE/j/caving.sensitivity/down",
                "direction": "down",
                "deployment_family": "j",
                "observed": 0.6,
                "baseline_mean": 0.85,
            },
            [],
            "The judge j changed: it finds Caving in fewer of the sentinels that show it, 60 % "
            "instead of 85 %, since",
        ),
        ({"decision": "INDETERMINATE"}, [], "for a reason that cannot be told apart, rose by"),
        ({"type": "TRAFFIC"}, [], "The traffic of aurora: Caving rose by"),
        ({"type": "TRAFFIC"}, [], "aurora-1.2; first turns, which owe nothing to the model, moved"),
        ({"type": "UNATTRIBUTED"}, [], "for a reason that cannot be told apart, rose by"),
        ({"type": "UNATTRIBUTED"}, [], "aurora-1.2; users, model or judge may be why: first turns"),
    ],
)
def test_the_sentence_says_only_what_is_known(signal, changes, estimates, said):
    assert said in bundle(signal(DAY, **{**DRIFT, **changes}), estimates)["statement"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"phase": "no_data"}, "No data: there was nothing of aurora to judge on 2026-11-06."),
        (
            {"observed": 0.0},
            "No data: not one sampled message of aurora was judged on 2026-11-06.",
        ),
        (
            {"observed": 0.41, "deployment_family": "all"},
            "Only 41 % of the sampled messages were judged on 2026-11-06.",
        ),
    ],
)
def test_a_pipeline_alert_has_its_own_sentence(signal, changes, said):
    told = bundle(signal(DAY, type="PIPELINE", behaviour="coverage", **changes))
    assert told["statement"] == said
    assert told["link"] == "http://localhost:8501/health"


def test_simulated_figures_say_so(signal):
    told = bundle(signal(DAY, **DRIFT), simulated=True)
    assert told["simulated"] is True
    assert told["statement"].endswith(" (simulated verdicts).")


def test_the_rate_that_users_get_is_preferred(signal):
    rows = [
        estimate(prevalence=0.5, standardised=True, n=999),
        estimate(prevalence=0.3, version=1),
        estimate(prevalence=0.4, version=2),
        estimate(prevalence=None, version=3),
    ]
    assert bundle(signal(DAY, **DRIFT), rows)["value"] == 0.4


def test_the_parts_of_a_change_are_told_as_far_as_they_are_known(signal):
    assert bundle(signal(DAY, **DRIFT))["decomposition"] is None
    parts = {"mix": 0.01, "rate": 0.1234567, "judge": None, "baseline_to": DAY}
    told = bundle(signal(DAY, **DRIFT), decomposition=parts)["decomposition"]
    assert told == {
        "mix": 0.01, "rate": 0.1235, "judge": None, "baseline_to": DAY.isoformat(),
    }  # fmt: skip


def test_without_an_estimate_the_days_own_figures_stand(signal):
    told = bundle(signal(DAY, **DRIFT))
    assert (told["value"], told["lower"], told["n"]) == (0.31, None, 60)


def test_everything_is_fit_for_json(signal):
    drivers = [{"segment": "surface=web", "share": np.float64(0.5), "since": DAY, "gap": np.nan}]
    told = bundle(signal(DAY, **{**DRIFT, "effect": float("nan")}), [estimate()], drivers)
    again = json.loads(json.dumps(told, allow_nan=False))
    assert again == told
    assert again["effect"] is None
    assert "nan" not in again["statement"]
    assert again["drivers"] == [
        {"segment": "surface=web", "share": 0.5, "since": "2026-11-06", "gap": None}
    ]


def test_a_judge_that_is_talked_round_is_told_in_plain_words(signal):
    told = bundle(
        signal(
            DAY,
            type="JUDGE",
            behaviour="injection",
            deployment_family="first",
            observed=0.18,
            baseline_mean=0.05,
            n=160,
            effect=0.18,
            effect_lower=0.1,
            effect_upper=0.26,
        )
    )
    assert told["statement"] == (
        "Text under judgement talks the judge first into verdicts: 18 % [10, 26] of 160 attempts "
        "succeed beyond chance, 5 % are tolerated."
    )
    assert told["link"] == "http://localhost:8501/judges?judge=first"


def test_what_was_looked_up_beside_is_carried_and_cut(signal):
    row = {"conversation_id": "c 1", "message_index": 3, "level": 3.0}
    background = Background(
        exemplars=[row] * 9,
        judges=[{"judge": "j", "sensitivity": None}],
        judged_share=2 / 3,
        moved={"behaviours": [{"question": "caving", "z": 5.12345}], "opportunities": []},
    )
    told = evidence(
        signal(DAY, **DRIFT, segment="web", judge_effect=0.01), [], [],
        title="Caving", dashboard_url="http://d/", simulated=False, background=background,
    )  # fmt: skip
    assert len(told["exemplars"]) == 5
    assert told["exemplars"][0]["link"] == "http://d/conversations?conversation=c+1&message=3"
    assert told["judged_share"] == 0.6667
    assert told["moved"]["behaviours"][0]["z"] == 5.123
    assert (told["segment"], told["judge_effect"], told["day"]) == ("web", 0.01, "2026-11-06")
    assert told["links"]["conversations"] == (
        "http://d/conversations?days=2026-11-04&days=2026-11-06&flagged=Caving"
    )
    assert told["links"]["explain"] == "alignment-monitor explain MODEL/aurora/caving/up 2026-11-06"


def test_a_decision_is_kept_in_every_digit(signal):
    told = bundle(signal(DAY, **DRIFT, statistic=10.123456789012345, evidence_hash="ab"))
    assert told["decided"]["statistic"] == 10.123456789012345
    assert told["decided"]["decision"] == "PAGE"
    assert told["decided"]["change_day"] == "2026-11-04"
    assert json.loads(json.dumps(told))["decided"] == told["decided"]
    assert told["evidence_hash"] == "ab"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"detectable_30d": 0.03},
            "Found about half of the time: a rise of 6.1 points within 7 days; a rise of 3.0 "
            "points within 30 days. A smaller one may be there unseen.",
        ),
        ({"direction": "down", "detectable_7d": None}, "no fall would be found within 7 days"),
        ({"type": "JUDGE"}, None),
    ],
)
def test_what_would_have_been_missed_is_said(signal, changes, said):
    power = bundle(signal(DAY, **{**DRIFT, **changes}))["power"]
    assert power is None if said is None else said in power


def test_labels_are_told_where_people_give_them(signal):
    assert bundle(signal(DAY, **DRIFT))["labels"] is None
    given = {"labels_statistic": 1.0, "labels_for": 2.0, "labels_against": -1.0}
    told = bundle(signal(DAY, **DRIFT, **given, labels_wanted=True))["labels"]
    assert told == {"statistic": 1.0, "for": 2.0, "against": -1.0, "wanted": True}


def test_a_family_may_have_any_name(signal):
    told = bundle(signal(DAY, **DRIFT | {"series": "MODEL/a b'; rm/caving/up"}))
    assert told["links"]["explain"].count("'\"'\"'") == 1
