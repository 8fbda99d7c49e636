"""The pages of deployments and of segments on the sample and on homes that have little."""

import csv
import re
from datetime import timedelta

import components
from tables import as_csv

from alignment_monitor.resources.marts import Marts
from tests.dashboard.sample_marts import FIRST_DAY, STARTS, Sample, write_mart
from tests.dashboard.test_pages import SMALL, opened, said

DEPLOYMENTS, SEGMENTS = "views/deployments.py", "views/segments.py"


def test_the_current_deployment_stands_against_the_one_before(drifted_home, use_home):
    use_home(drifted_home)
    app = opened(DEPLOYMENTS)
    text = said(app)
    assert (app.selectbox(key="before").value, app.selectbox(key="after").value) == (
        "aurora-1.1", "aurora-1.2",
    )  # fmt: skip
    assert "Warranted challenge is less frequent in aurora-1.2 than in aurora-1.1" in text
    assert "hardly any of it comes from other traffic" in text
    assert "stands out" in text
    assert "By traffic has no interval here" in text
    assert "as if the shares of segments were known" in text
    assert "deployments?family=aurora&amp;before=aurora-1.1&amp;after=aurora-1.2" in text
    assert len(app.get("vega_lite_chart")) == 2
    assert [one.label for one in app.get("download_button")].count("CSV") == 2


def test_the_two_come_from_the_address_in_any_order(drifted_home, use_home):
    use_home(drifted_home)
    text = said(opened(DEPLOYMENTS, before="aurora-1.2", after="aurora-1.0", behaviour="Caving"))
    assert "Warranted challenge is more frequent in aurora-1.0 than in aurora-1.2" in text
    assert "Choose two that differ" in said(
        opened(DEPLOYMENTS, before="aurora-1.2", after="aurora-1.2")
    )


def test_what_did_not_change_is_not_said_to_be_alike(drifted_home, use_home):
    use_home(drifted_home)
    text = said(opened(DEPLOYMENTS, before="aurora-1.0", after="aurora-1.1"))
    assert "No difference between aurora-1.0 and aurora-1.1 stands out from chance" in text
    assert "not to say that they are alike" in text


def test_a_single_deployment_has_nothing_to_stand_against(tmp_path, use_home):
    use_home(tmp_path, Sample(days=10, **SMALL))
    text = said(opened(DEPLOYMENTS))
    assert "aurora-1.0 is the only deployment of aurora so far" in text
    app = opened(SEGMENTS)
    assert len(app.get("button_group")[0].options) == 2, "no change of deployment to show"
    assert "Too little data" in said(app)


def test_a_deployment_of_one_day_is_too_little_and_says_so(tmp_path, use_home):
    home = use_home(tmp_path, Sample(days=STARTS["aurora-1.1"] + 1, **SMALL))
    before = Marts(home / "marts").select("estimates").to_pylist()
    rows = [
        {**row, "n": 4, "effective_n": 3.5} if row["deployment"] == "aurora-1.1" else row
        for row in before
    ]
    write_mart(home / "marts", "estimates", rows)
    text = said(opened(DEPLOYMENTS))
    assert "aurora-1.0 and aurora-1.1 cannot be compared yet" in text
    assert "too little data" in text
    assert "No difference" not in text


def test_segments_show_the_change_of_four_weeks_with_marks(drifted_home, use_home):
    use_home(drifted_home)
    app = opened(SEGMENTS)
    text = said(app)
    last = FIRST_DAY + timedelta(days=59)
    assert f"{last.day} Nov 2026, all deployments, against the 28 days before" in text
    assert "Unwarranted agreement in assistant" in text
    assert "▲" in text
    assert "Benjamini and Yekutieli" in text
    assert "Lightning" not in text
    assert "oak</bdi> · <bdi>lightning" in text
    assert 'href="conversations?conversation=c-1123-0&amp;message=4"' in text
    assert "+21 points [9, 33] since the 28 days before" in text
    assert "too few before to say whether it grew" in text


def test_the_file_of_opportunities_holds_every_column_of_the_table(tmp_path, use_home, monkeypatch):
    home = use_home(tmp_path, Sample(days=60, **SMALL))
    rows = Marts(home / "marts").select("estimates").to_pylist()
    claims = [{**row, "behaviour": "claim"} for row in rows if row["behaviour"] == "caving"]
    write_mart(home / "marts", "estimates", rows + claims)
    taken = {}
    monkeypatch.setattr(components, "download", lambda name, rows: taken.update({name: rows}))
    text = said(opened(SEGMENTS))
    found = list(csv.DictReader(as_csv(taken["opportunities"]).decode().splitlines()))
    often, *among = found
    assert (often["opportunity"], often["rate_of"]) == ("claim", "how often")
    assert float(often["lower"]) < float(often["prevalence"]) < float(often["upper"])
    assert float(often["change_lower"]) < float(often["change"]) < float(often["change_upper"])
    assert ("conflict", "unwarranted_agreement", "0.31") in [
        (row["opportunity"], row["rate_of"], row["prevalence"][:4]) for row in among
    ]
    assert "31 % [26, 36]" in text


def test_segments_show_rates_or_the_deployment_before_as_the_address_says(drifted_home, use_home):
    use_home(drifted_home)
    rates = said(opened(SEGMENTS, show="Rates"))
    assert "against the other segments" in rates
    distances = rates.count(" to others")
    assert len(re.findall(r"points? \[−?[\d.]+, −?[\d.]+\] to others", rates)) == distances > 0
    text = said(opened(SEGMENTS, show="Change of deployment"))
    assert "against aurora-1.1" in text
    assert "31 % [26, 36]" in text, "agreement among conflicts"
