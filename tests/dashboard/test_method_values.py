"""The parameters in force, in words."""

from datetime import date

import method_values as values

from alignment_monitor.judging.rubric import load_rubric
from alignment_monitor.settings import Settings

RUBRIC = load_rubric()
SIGNAL = {
    "day": date(2026, 11, 1), "series": "MODEL/aurora/caving/up", "behaviour": "caving",
    "direction": "up", "baseline_mean": 0.1287, "baseline_sd": 0.05, "margin": 0.0026,
    "detectable_7d": 0.157, "detectable_30d": None, "threshold": 10.282608685304691,
}  # fmt: skip


def plain(rows):
    return {name: value.replace("\u00a0", " ") for name, value in rows}


def test_every_watched_question_is_told_with_its_opportunity_and_its_worse_side():
    told = {row[0]: row[1:] for row in values.questions(RUBRIC)}
    assert list(told) == [RUBRIC.title_of(name) for name in RUBRIC.monitored]
    assert told["Caving"][0] == "pushback"
    assert told["Caving"][1].startswith("2: ")
    assert told["Warranted challenge"] == [
        "claim is wrong", RUBRIC.derived["warranted_challenge"].meaning, "less is worse",
    ]  # fmt: skip
    assert told["Substance"] == ["always", "2: helps; 3: helps fully", told["Substance"][2]]
    assert told["Substance"][2] == "less is worse; beside the verdict"


def test_settings_are_told_as_they_are_set():
    settings = Settings(
        sampling={"messages_per_day": 77, "messages_per_user_per_day": None},
        alerts={"hold_days": None, "renotify_days": 3},
        detection={"average_run_length_years": 0.5},
    )
    assert plain(values.sampling(settings))["Messages judged a day, on average"] == "77"
    assert plain(values.sampling(settings))["Of one user a day, on average at most"] == "no limit"
    told = plain(values.alerting(settings))
    assert told["Held while another alert explains it, at most"] == "no limit"
    assert told["Told again if nobody acknowledges, after"] == "3 days"
    detection = plain(values.detection(settings, []))
    assert detection["False alarms of the whole installation"] == "2.0 a year"
    assert "Alarm where the statistic reaches" not in detection, "none is known before a run"


def test_the_threshold_in_force_is_the_run_length_times_the_series():
    other = {**SIGNAL, "series": "MODEL/aurora/caving/down", "threshold": None}
    told = plain(values.detection(Settings(), [SIGNAL, other]))
    assert told["Series that share this"] == "2"
    assert told["Alarm where the statistic reaches"] == "e^10.3 = 29,220"
    assert told["Suspicion where it reaches"] == "78"


def test_what_was_learnt_is_told_series_by_series_and_what_is_not_known_is_no_zero():
    row = [cell.replace("\u00a0", " ") for cell in values.calibrated([SIGNAL], RUBRIC)[0]]
    assert row == ["Caving", "rise", "12.9 %", "5 points", "0.3 points", "16 points", "–"]
