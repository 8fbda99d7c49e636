import io
import json
from datetime import UTC, date, datetime

import pyarrow.parquet as pq
import pytest
from rich.console import Console

from alignment_monitor.contracts import MARTS
from alignment_monitor.operations.summary import summarise
from alignment_monitor.operations.terminal import findings, outbox
from alignment_monitor.settings import Judge, Judging, Settings

DAY = date(2026, 3, 2)
NOW = datetime(2026, 3, 3, 2, 15, tzinfo=UTC)


def alert(name, state="firing", statement="[bold]Caving rose.", **fields):
    return {
        "alert_id": name,
        "fingerprint": name,
        "type": "MODEL",
        "severity": "page",
        "series": f"MODEL/{name}",
        "deployment_family": "aurora",
        "behaviour": "caving",
        "direction": "up",
        "state": state,
        "opened_on": DAY,
        "updated_on": DAY,
        "evidence": json.dumps({"statement": statement}),
    } | fields


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path)


def write(settings, **tables):
    settings.marts.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        pq.write_table(MARTS[name].table(rows), settings.marts / f"{name}.parquet")


def shown(settings, what=findings):
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(what(settings))
    return console.export_text()


def states(**counts):
    level = "conversation"
    return [{"day": DAY, "level": level, "state": s, "count": n} for s, n in counts.items()]


def test_a_home_without_marts_is_empty(settings):
    summary = summarise(settings.marts)
    assert (summary.alerts, summary.ledger, summary.days) == ((), {}, 0)


def test_only_what_fires_is_told(settings):
    rows = [alert("a"), alert("b", "resolved"), alert("c", "pending"), alert("d")]
    write(settings, alerts=rows, ledger_daily=states(accepted=2000, quarantined=3))
    assert [row["alert_id"] for row in summarise(settings.marts).alerts] == ["a", "d"]
    text = shown(settings)
    assert "2 alerts firing" in text
    assert "[bold]Caving rose." in text, "statements are text, not markup"
    assert "2,000" in text
    assert "imulated" not in text


def signal(phase, behaviour, decision="NONE"):
    known = dict.fromkeys(("series", "deployment_family", "behaviour"), behaviour)
    known |= {"direction": "up", "type": "MODEL", "decision": decision, "n": 0, "version": 1}
    return {"day": date(2026, 3, 2), "phase": phase, **known}


@pytest.mark.parametrize(
    ("phases", "words"),
    [
        (["watching", "watching"], "No change found; every series is watched."),
        (["watching", "baseline"], "1 of 2 series still learning what is normal"),
        (["no_data", "no_data"], "2 of 2 series without data on the last day"),
    ],
)
def test_calm_is_claimed_only_where_every_series_is_watched(settings, phases, words):
    signals = [signal(phase, f"b{i}") for i, phase in enumerate(phases)]
    write(settings, ledger_daily=states(accepted=2), drift_signals=signals)
    assert words in shown(settings)


def test_no_calm_is_claimed_while_an_alert_is_open(settings):
    rows = [alert(name, name) for name in ("acknowledged", "silenced", "pending", "resolved")]
    write(
        settings, alerts=[*rows, alert("b", "silenced")], drift_signals=[signal("watching", "b")],
        ledger_daily=states(accepted=2),
    )  # fmt: skip
    text = shown(settings)
    assert "No alert is firing, but open are: 1 acknowledged, 1 pending, 2 silenced." in text
    assert "No change found" not in text
    write(settings, drift_signals=[signal("watching", "b"), signal("baseline", "c")])
    assert "1 of 2 series still learning what is normal" in shown(settings)


def test_no_calm_is_claimed_while_what_people_closed_is_still_seen(settings):
    signals = [signal("watching", "b", "PAGE"), signal("watching", "c")]
    closed = alert("a", "resolved", resolution="true_drift")
    write(settings, alerts=[closed], drift_signals=signals, ledger_daily=states(accepted=2))
    text = shown(settings)
    assert "No alert is firing, but what people closed is still seen." in text
    assert "1 of 2 series with a change on the last day" in text
    assert "No change found" not in text
    write(settings, alerts=[alert("a", "acknowledged")])
    assert "No alert is firing, but open are: 1 acknowledged." in shown(settings)


@pytest.mark.parametrize(
    ("statuses", "words"),
    [
        ([], "Nothing waits in the outbox."),
        (["delivered", "pending", "pending"], "2 deliveries wait."),
        (["dead", "pending"], "1 delivery waits. 1 was given up: `alignment-monitor alert"),
        (["dead", "dead"], "Nothing waits in the outbox. 2 were given up:"),
    ],
)
def test_what_was_given_up_is_not_said_to_wait(settings, statuses, words):
    known = {"alert_id": "a", "channel": "c", "attempts": 1, "created_at": NOW}
    rows = [
        {**known, "delivery_id": str(n), "event": "alert.firing", "status": status}
        for n, status in enumerate(statuses)
    ]
    test = {**known, "delivery_id": "t", "event": "alert.test", "status": "dead"}
    write(settings, deliveries=[*rows, test])
    text = " ".join(shown(settings, outbox).split())
    assert words in text
    assert ("given up" in text) == ("dead" in statuses)


def test_counts_add_up_over_days(settings):
    rows = [*states(accepted=2), {**states(accepted=5)[0], "day": date(2026, 3, 3)}]
    write(settings, ledger_daily=rows)
    summary = summarise(settings.marts)
    assert summary.ledger == {("conversation", "accepted"): 7}
    assert summary.days == 2
    assert "No alert is firing" in shown(settings)


def test_simulated_verdicts_are_said_to_be(settings):
    judging = Judging(judges=(Judge(simulated=True),))
    simulated = settings.model_copy(update={"judging": judging})
    write(simulated, ledger_daily=states(accepted=1))
    assert "Simulated verdicts" in shown(simulated)
