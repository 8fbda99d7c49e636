import gzip
import json
import os
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alignment_monitor.contracts import CONVERSATIONS, RECEIVED
from alignment_monitor.settings import Settings, SimulationSource
from alignment_monitor.sources import open_sources, received
from alignment_monitor.sources.files import SourceFileError
from alignment_monitor.sources.inbox import Inbox, import_file, received_days, stale_days
from alignment_monitor.sources.intake import admit


@pytest.fixture
def bring(settings, now):
    """Imports a file."""

    def make(path, **options):
        given = {
            "now": now,
            "replay_days": None,
            "last_day": date(2025, 5, 7),
            "deployment": None,
            "deployment_order": None,
        }
        return import_file(path, settings, **{**given, **options})

    return make


@pytest.fixture
def inbox(settings):
    source, _ = open_sources(settings)
    assert isinstance(source, Inbox)
    return source


def record(number=0, **fields):
    return {
        "id": f"c{number}",
        "model": "m-1",
        "created": f"2025-05-0{1 + number % 3}T10:00:00Z",
        "messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}],
    } | fields


def lines(path, *records):
    path.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in records))
    return path


def lake_files(settings):
    return {
        str(path.relative_to(settings.lake)): path.read_bytes()
        for path in settings.lake.rglob("*")
        if path.is_file()
    }


def test_records_come_back_by_day_and_refusals_on_the_last_day_that_is_over(
    tmp_path, bring, inbox, now
):
    path = lines(tmp_path / "a.jsonl", *map(record, range(6)), "{broken", record(7, model=None))
    report = bring(path)
    assert (report.records, report.accepted, report.bytes) == (8, 6, path.stat().st_size)
    assert {rule: r.count for rule, r in report.refused.items()} == {
        "bad_json": 1,
        "missing_deployment": 1,
    }
    assert report.refused["bad_json"].shown[0][0] == "a.jsonl:7"
    assert (report.first_day, report.last_day) == (date(2025, 5, 1), date(2025, 5, 3))
    table = inbox.read(date(2025, 5, 1))
    assert table.schema == RECEIVED.schema
    assert sorted(table.column("conversation_id").to_pylist()) == ["c0", "c3"]
    (refused,) = inbox.read(now.date() - timedelta(days=1)).to_pylist()
    assert (refused["rule"], refused["location"], refused["excerpt"]) == (
        "bad_json",
        "a.jsonl:7",
        "{broken",
    )


def test_an_empty_day_is_an_empty_table(inbox):
    assert inbox.read(date(2025, 5, 1)).schema == RECEIVED.schema
    assert inbox.read(date(2025, 5, 1)).num_rows == 0


def test_only_three_examples_of_a_rule_are_shown(tmp_path, bring):
    report = bring(lines(tmp_path / "a.jsonl", *["{"] * 10))
    assert report.refused["bad_json"].count == 10
    assert len(report.refused["bad_json"].shown) == 3


def test_a_repeated_import_changes_nothing(tmp_path, bring, settings, now):
    path = lines(tmp_path / "a.jsonl", *map(record, range(6)), "{broken")
    first, files = bring(path), lake_files(settings)
    assert bring(path, now=now + timedelta(days=3)) == first
    assert lake_files(settings) == files


def test_a_killed_import_is_finished_by_the_next(tmp_path, bring, settings, monkeypatch, now):
    path = lines(tmp_path / "a.jsonl", *map(record, range(6)), "{broken")
    bring(path)
    whole = lake_files(settings)
    for name in whole:
        (settings.lake / name).unlink()

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(received.os, "replace", die)
        with pytest.raises(KeyboardInterrupt):
            bring(path, now=now - timedelta(days=1))
    assert not lake_files(settings)
    # A process that is killed outright leaves its files behind.
    leftover = settings.lake / "received" / "day=2025-04-04" / next(iter(whole)).split("/")[-1]
    name = next(name for name in whole if name.endswith(".parquet")).split("/")[-1]
    leftover = leftover.with_name(name)
    leftover.parent.mkdir(parents=True, exist_ok=True)
    leftover.write_bytes(b"half")
    bring(path)
    assert lake_files(settings) == whole


def test_other_options_replace_the_earlier_reading(tmp_path, bring, inbox, settings):
    path = lines(tmp_path / "a.jsonl", record(0, model=None), record(1))
    assert bring(path).accepted == 1
    assert bring(path, deployment="given").accepted == 2
    assert inbox.read(date(2025, 5, 1)).column("deployment").to_pylist() == ["given"]
    assert inbox.read(date(2025, 5, 2)).column("deployment").to_pylist() == ["m-1"]
    assert bring(path).accepted == 1
    assert inbox.read(date(2025, 5, 1)).column("rule").to_pylist() == ["missing_deployment"]


def test_files_of_one_name_do_not_replace_each_other(tmp_path, bring, inbox):
    path = tmp_path / "a.jsonl"
    for number in (0, 3):
        bring(lines(path, record(number)))
    table = inbox.read(date(2025, 5, 1))
    assert sorted(table.column("conversation_id").to_pylist()) == ["c0", "c3"]
    assert len(set(table.column("receipt_id").to_pylist())) == 2


def test_memory_is_bounded_by_writing_in_parts(tmp_path, bring, inbox, settings, monkeypatch):
    path = lines(tmp_path / "a.jsonl", *map(record, range(9)))
    monkeypatch.setattr(received, "ROWS_IN_MEMORY", 4)
    assert bring(path).accepted == 9
    parts = {path.stem[-3:] for path in settings.lake.glob("received/day=*/*.parquet")}
    assert parts == {"000", "001", "002"}
    assert inbox.read(date(2025, 5, 1)).num_rows == 3


def test_replay_gives_days_and_replaces_an_earlier_replay(tmp_path, bring, inbox, settings):
    undated = [record(n, created=None, model="old" if n < 10 else "new") for n in range(20)]
    path = lines(tmp_path / "a.jsonl", *undated)
    assert bring(path).refused["missing_time"].count == 20
    report = bring(path, replay_days=10)
    assert (report.accepted, report.first_day, report.last_day) == (
        20,
        date(2025, 4, 28),
        date(2025, 5, 7),
    )
    assert set(inbox.read(date(2025, 4, 28)).column("deployment").to_pylist()) == {"old"}
    assert set(inbox.read(date(2025, 5, 7)).column("deployment").to_pylist()) == {"new"}
    bring(path, replay_days=10, last_day=date(2025, 5, 6), deployment_order=["new"])
    assert received_days(settings) == [date(2025, 4, 27) + timedelta(n) for n in range(10)]
    assert set(inbox.read(date(2025, 4, 27)).column("deployment").to_pylist()) == {"new"}
    with pytest.raises(SourceFileError, match="typo"):
        bring(path, replay_days=10, deployment_order=["typo"])


def test_a_broken_file_leaves_nothing_behind(tmp_path, bring, settings):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pylist([record(n) for n in range(50)]), path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(SourceFileError, match=r"a\.parquet"):
        bring(path)
    assert not lake_files(settings)
    with pytest.raises(SourceFileError, match="check the path"):
        bring(tmp_path / "gone.jsonl")


def test_a_gzip_that_is_cut_off_keeps_its_records(tmp_path, bring):
    whole = gzip.compress("\n".join(json.dumps(record(n)) for n in range(2000)).encode())
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(whole[: len(whole) // 2])
    report = bring(path)
    assert report.accepted > 100
    assert report.refused["truncated_file"].count == 1


def test_a_message_of_ten_megabytes_is_refused_with_a_short_excerpt(tmp_path, bring, inbox):
    huge = [{"role": "user", "content": "word " * 2_000_000}]
    report = bring(lines(tmp_path / "a.jsonl", record(0, messages=huge), record(1)))
    assert (report.accepted, list(report.refused)) == (1, ["message_too_long"])
    (row,) = inbox.read(date(2025, 5, 1)).to_pylist()
    assert row["excerpt"].startswith("user: word word")
    assert len(row["excerpt"]) == 200


def test_no_user_reaches_the_lake(tmp_path, bring, settings):
    bring(
        lines(
            tmp_path / "a.jsonl",
            record(0, user_id="alice.smith"),
            record(1, user_id="alice.smith", model=None),
            record(2, messages=["odd"], metadata={"user_id": "alice.smith"}),
            {"user": {"id": "alice.smith"}, "text": "no list of messages"},
            record(3, metadata='{"user_id": "alice.smith"}'),
            '{"user_id": "alice.smith", broken',
        )
    )
    rows = [pq.read_table(path).to_pylist() for path in settings.lake.rglob("*.parquet")]
    assert len(rows) > 1
    assert "alice" not in str(rows)


def test_days_with_understood_records_are_the_days_to_build(tmp_path, bring, settings):
    assert received_days(settings) == []
    bring(lines(tmp_path / "a.jsonl", "{broken"))
    assert received_days(settings) == [date(2025, 5, 7)]
    bring(lines(tmp_path / "b.jsonl", record(0), record(2)))
    assert received_days(settings) == [date(2025, 5, 1), date(2025, 5, 3)]


def test_a_day_is_stale_until_it_is_built_after_its_last_import(tmp_path, bring, settings):
    def build(day):
        path = settings.lake / CONVERSATIONS.name / f"day={day}" / "part.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
        later = (settings.lake / "received" / f"day={day}").stat().st_mtime_ns + 1
        os.utime(path, ns=(later, later))

    first, third = date(2025, 5, 1), date(2025, 5, 3)
    path = lines(tmp_path / "a.jsonl", record(0, created=None), record(2))
    bring(path, replay_days=1, last_day=first)
    assert stale_days(settings, first) == [first, third]
    assert stale_days(settings, third) == [third]
    build(first)
    build(third)
    assert stale_days(settings, first) == []
    bring(lines(tmp_path / "b.jsonl", record(0)))
    assert stale_days(settings, first) == [first]
    build(first)
    # The other reading takes a record away from the first day: that must be built again, too.
    bring(path, replay_days=1, last_day=date(2025, 5, 2))
    assert stale_days(settings, first) == [first, date(2025, 5, 2), third]


def test_an_import_needs_an_inbox(tmp_path, now):
    settings = Settings(
        home=tmp_path / "home",
        sources=(SimulationSource(kind="simulation", first_day=date(2025, 5, 1)),),
    )
    with pytest.raises(SourceFileError, match="lists no inbox"):
        import_file(
            lines(tmp_path / "a.jsonl", record()),
            settings,
            now=now,
            replay_days=None,
            last_day=now.date(),
            deployment=None,
            deployment_order=None,
        )
    source, _ = open_sources(settings)
    assert source.name == "simulation"
    assert source.read(date(2025, 5, 1)).num_rows > 100


def test_every_record_of_real_data_becomes_a_row(labelled_file, bring, inbox, settings):
    report = bring(labelled_file, replay_days=5)
    with gzip.open(labelled_file) as stream:
        expected = sum(1 for _ in stream)
    assert (report.records, report.accepted, report.refused) == (expected, expected, {})
    admitted = [admit(inbox.read(day), day, settings) for day in received_days(settings)]
    assert sum(day.conversations.num_rows for day in admitted) == expected
    assert sum(day.quarantine.num_rows for day in admitted) == 0
    rows = [row for day in admitted for row in day.conversations.to_pylist()]
    for row in rows:
        replies = [turn["content"] for turn in row["turns"] if turn["role"] == "assistant"]
        assert row["eligible"] == any(reply.strip() for reply in replies)


def test_repeats_across_files_are_counted_once(tmp_path, bring, inbox, settings):
    for name in ("a.jsonl", "b.jsonl"):
        bring(lines(tmp_path / name, record(0), record(3 if name == "a.jsonl" else 6)))
    day = date(2025, 5, 1)
    (intake,) = admit(inbox.read(day), day, settings).intake.to_pylist()
    assert (intake["received"], intake["repeated"]) == (3, 1)


def test_dates_of_one_import_are_utc(tmp_path, bring, inbox):
    bring(lines(tmp_path / "a.jsonl", record(0, created="2025-05-01T23:30:00-05:00")))
    (row,) = inbox.read(date(2025, 5, 2)).to_pylist()
    assert row["ended_at"] == datetime(2025, 5, 2, 4, 30, tzinfo=UTC)
