"""Alerts of a store from before people could act on them."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine, select, text

from alignment_monitor.store import open_store
from alignment_monitor.store.database import upgrade
from alignment_monitor.store.schema import alerts

ALERT = (
    "insert into alerts (alert_id, fingerprint, type, severity, series, deployment_family, "
    "behaviour, direction, state, opened_on, updated_on, processed_on, quiet_days, evidence) "
    "values (:state, :state, 'MODEL', :severity, 's', 'f', 'b', 'up', :state, '2026-11-01', "
    "'2026-11-02', '2026-11-02', 0, '{}')"
)
SENT = (
    "insert into deliveries (delivery_id, alert_id, event, day, channel, body, status, attempts, "
    "created_at) values ('d', 'firing', 'alert.firing', '2026-11-01', 'c', '', 'delivered', 1, "
    "'2026-11-02 02:00:00.000000')"
)


@pytest.fixture
def migrated(tmp_path):
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    old = create_engine(url)
    with old.begin() as connection:
        upgrade(connection, "0005")
    with old.begin() as connection:
        for state, severity in (("pending", "warn"), ("firing", "page"), ("resolved", "page")):
            connection.execute(text(ALERT), {"state": state, "severity": severity})
        connection.execute(text(SENT))
        connection.execute(
            text(
                "insert into alert_transitions (alert_id, at, to_state, day, who, note) values "
                "('resolved', '2026-11-02 02:00:00.000000', 'firing', '2026-11-01', 'm', '')"
            )
        )
    old.dispose()
    with open_store(url).connect() as connection:
        return {row["alert_id"]: row for row in connection.execute(select(alerts)).mappings()}


def test_what_fires_counts_as_told_now_so_that_an_upgrade_escalates_nothing(migrated):
    told = {name: row["told"] for name, row in migrated.items()}
    assert told == {"pending": None, "firing": "page", "resolved": None}
    age = datetime.now(UTC) - migrated["firing"]["told_at"]
    assert timedelta(0) <= age < timedelta(minutes=5)
    assert migrated["resolved"]["told_at"] is None


def test_what_ever_fired_and_how_it_ended_is_known(migrated):
    assert migrated["pending"]["fired_on"] is None
    assert all(migrated[name]["fired_on"] for name in ("firing", "resolved"))
    assert {name: row["resolution"] for name, row in migrated.items()} == {
        "pending": None,
        "firing": None,
        "resolved": "quiet",
    }
