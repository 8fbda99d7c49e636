import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Boolean, Date, Float, Integer, create_engine, insert, inspect, select, text
from sqlalchemy.exc import IntegrityError, StatementError

from alignment_monitor.store import StoreError, open_store, transaction
from alignment_monitor.store.database import revisions, upgrade
from alignment_monitor.store.schema import UtcDateTime, annotations, metadata, verdict_journal

NOW = datetime(2026, 11, 6, 12, tzinfo=UTC)
PROBE = """
import sys
from alignment_monitor.store import open_store
open_store(sys.argv[1])
print("alembic" in sys.modules)
"""


def test_a_migrated_store_is_what_the_schema_says(store_url):
    with open_store(store_url).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


@pytest.mark.parametrize("revision", revisions())
def test_every_older_version_moves_forward_without_loss(tmp_path, revision):
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    old = create_engine(url)
    with old.begin() as connection:
        upgrade(connection, revision)
    with old.begin() as connection:
        tables = set(inspect(connection).get_table_names()) & set(metadata.tables)
        before = {name: _one_row(connection, metadata.tables[name]) for name in sorted(tables)}
    old.dispose()

    with open_store(url).connect() as connection:
        assert before
        for name, row in before.items():
            kept = connection.execute(select(metadata.tables[name])).mappings().one()
            assert {column: kept[column] for column in row} == row


def _one_row(connection, table):
    """A row of any table, of those columns that the old version has."""
    columns = {c["name"] for c in inspect(connection).get_columns(table.name)}
    row = {c.name: _value(c.type) for c in table.columns if c.name in columns}
    connection.execute(insert(table), row)
    return row


def _value(kind):
    samples = {UtcDateTime: NOW, Date: NOW.date(), Integer: 1, Float: 1.5, Boolean: True}
    return next((value for type_, value in samples.items() if isinstance(kind, type_)), "x")


def test_a_store_of_a_newer_version_is_refused_and_left_alone(store_url):
    engine = open_store(store_url)
    with engine.begin() as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
    with pytest.raises(StoreError, match=r"9999.*newer.*update alignment-monitor"):
        open_store(store_url)
    with engine.connect() as connection:
        assert (
            connection.execute(text("select version_num from alembic_version")).scalar() == "9999"
        )


def test_an_address_that_cannot_be_used_is_named_without_its_password(tmp_path):
    with pytest.raises(StoreError, match="driver") as caught:
        open_store("postgresql+nosuchdriver://user:hidden@host/db")
    assert "hidden" not in str(caught.value)
    (tmp_path / "file").write_text("not a database, and long enough to be taken for one" * 30)
    with pytest.raises(StoreError, match="not a database"):
        open_store(f"sqlite:///{tmp_path / 'file'}")


def test_processes_that_open_a_new_store_at_once_all_succeed(tmp_path):
    url = f"sqlite:///{tmp_path / 'new' / 'store.sqlite'}"
    probes = [_probe(url) for _ in range(4)]
    assert all(probe.wait(60) == 0 for probe in probes), [p.stderr.read() for p in probes]
    with open_store(url).connect() as connection:
        assert set(metadata.tables) < set(inspect(connection).get_table_names())


def test_alembic_is_not_even_imported_once_the_store_is_up_to_date(tmp_path):
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    assert _probe(url).communicate(timeout=60)[0].strip() == "True"
    assert _probe(url).communicate(timeout=60)[0].strip() == "False"


def _probe(url):
    return subprocess.Popen(
        [sys.executable, "-c", PROBE, url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )


def test_sqlite_is_set_up_to_be_shared(tmp_path):
    engine = open_store(f"sqlite:///{tmp_path / 'store.sqlite'}")
    with engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {
        "journal_mode": "wal",
        "synchronous": 1,
        "foreign_keys": 1,
        "busy_timeout": 30_000,
    }


def test_readers_who_then_write_do_not_lose_to_each_other(tmp_path):
    engine = open_store(f"sqlite:///{tmp_path / 'store.sqlite'}")

    def add(number):
        with transaction(engine) as connection:
            rows = connection.execute(select(annotations)).all()
            row = {"annotation_id": str(len(rows)), "day": date(2026, 11, 6)}
            connection.execute(insert(annotations), {**row, "kind": "incident", "label": "x"})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(40)))
    with engine.connect() as connection:
        assert len(connection.execute(select(annotations)).all()) == 40


def test_a_reader_is_not_held_up_by_a_writer(tmp_path):
    path = tmp_path / "store.sqlite"
    with transaction(open_store(f"sqlite:///{path}")) as connection:
        connection.execute(
            insert(annotations),
            {"annotation_id": "a", "day": NOW.date(), "kind": "incident", "label": "x"},
        )
        other = sqlite3.connect(path, timeout=0)
        assert other.execute("select count(*) from annotations").fetchone() == (0,)
        other.close()


def test_times_come_back_in_utc_and_naive_ones_are_refused(store_url):
    engine = open_store(store_url)
    row = {
        "unit_hash": "u",
        "judge_key": "j",
        "rubric_version": "r",
        "status": "ok",
        "returned_model": "m",
        "latency_seconds": 0.5,
        "received_at": NOW.astimezone(timezone(timedelta(hours=5))),
    }
    with engine.begin() as connection:
        connection.execute(insert(verdict_journal), row)
    with engine.connect() as connection:
        kept = connection.execute(select(verdict_journal)).mappings().one()
    assert kept["received_at"] == NOW
    assert kept["received_at"].tzinfo is UTC
    assert kept["occasion"] == ""
    with engine.begin() as connection, pytest.raises(IntegrityError):
        connection.execute(insert(verdict_journal), row)
    with engine.begin() as connection, pytest.raises(StatementError, match="without a zone"):
        connection.execute(
            insert(verdict_journal),
            {**row, "unit_hash": "v", "received_at": NOW.replace(tzinfo=None)},
        )
