import json
import os
import pty
import re
import socket
import subprocess
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from alignment_monitor.operations.pipeline import Outcome
from alignment_monitor.settings import load
from tests.pipeline import homes

TODAY = datetime.now(UTC).date()


def record(name, day, **fields):
    messages = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    return {
        "id": name,
        "model": "m-1",
        "created": f"{day}T00:00:01Z",
        "messages": messages,
    } | fields


@pytest.fixture
def bring(cli, tmp_path):
    """Imports records."""

    def make(*records, name="talks.jsonl", **options):
        path = tmp_path / name
        path.write_text("\n".join(map(json.dumps, records)))
        return cli("import", path, **options)

    return make


def test_init_writes_settings_that_work_and_keeps_them(cli, home):
    assert cli("init")[1].startswith(f"Wrote {home}/monitor.yaml")
    text = (home / "monitor.yaml").read_text()
    assert load(home).model_dump() == load(home / "nowhere").model_dump()
    (home / "monitor.yaml").write_text(text + "\n# mine\n")
    assert cli("init")[1].startswith(f"Kept {home}/monitor.yaml")
    assert (home / "monitor.yaml").read_text().endswith("# mine\n")


def test_an_import_says_what_was_refused_and_what_comes_next(bring, home):
    good = [record(f"c{n}", f"2025-05-0{n}") for n in (1, 2, 3)]
    bad = [record(f"b{n}", "2025-05-02", model=None) for n in range(5)]
    code, said = bring(*good, *bad)
    assert code == 0
    assert "talks.jsonl: 8 records, 3 understood" in said
    assert "! missing_deployment 5 talks.jsonl:4: names no deployment" in said
    assert said.count("names no deployment") == 3
    command = "Next: alignment-monitor backfill --from 2025-05-01 --to 2025-05-03"
    assert f"{command} --home {home}" in said


def test_an_import_of_older_days_says_to_lower_first_day(bring, cli, home):
    _, said = bring(record("old", "2023-04-01"))
    assert f"set first_day: 2023-04-01 in {home}/monitor.yaml" in said
    code, said = cli("backfill", OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    assert code == 2
    assert "2023-04-01 lies before first_day, 2025-01-01" in said
    assert f"set first_day: 2023-04-01 in {home}/monitor.yaml" in said


def test_a_day_that_is_not_over_waits(bring, cli):
    _, said = bring(record("new", TODAY))
    assert f"{TODAY} has not" in said
    for words in (("backfill",), ("run", "--day", TODAY)):
        code, said = cli(*words, OPENAI_BASE_URL="http://127.0.0.1:9/v1")
        assert code == 2
        assert f"{TODAY} is not over yet" in said


def test_an_import_up_to_now_is_run_up_to_yesterday(bring):
    yesterday = TODAY - timedelta(days=1)
    _, said = bring(record("a", yesterday), record("b", TODAY))
    assert f"--from {yesterday} --to {yesterday}" in said


def test_an_empty_file_is_nothing_to_run(bring):
    assert "Nothing to run: the file held no record." in bring()[1]


@pytest.mark.parametrize(
    ("name", "answer"),
    [("talks.docx", "files of this kind"), ("talks.parquet", "talks.parquet")],
)
def test_a_file_that_cannot_be_read_is_an_error(bring, name, answer):
    code, said = bring(record("a", "2025-05-01"), name=name)
    assert code == 2
    assert answer in said


def test_a_file_that_is_not_there_is_an_error(cli, tmp_path):
    code, said = cli("import", tmp_path / "[bold]nobody.jsonl")
    assert code == 2
    assert "[bold]nobody.jsonl: cannot be opened (No such file or directory)" in said


@pytest.mark.parametrize("words", [("run",), ("backfill", "--from", "2025-05-01", "--to", TODAY)])
def test_without_a_judge_nothing_runs(cli, words):
    code, said = cli(*words)
    assert code == 2
    assert "No judge can be asked: set OPENAI_API_KEY, or set OPENAI_BASE_URL" in said


@pytest.mark.parametrize(
    ("first", "last", "answer"),
    [
        ("2024-12-31", "2025-01-05", "lies before first_day, 2025-01-01"),
        ("2025-02-02", "2025-02-01", "comes after the last, 2025-02-01"),
        ("2025-02-02", "2199-01-01", "2199-01-01 is not over yet"),
    ],
)
def test_days_out_of_range_are_named(cli, first, last, answer):
    code, said = cli("backfill", "--from", first, "--to", last, OPENAI_API_KEY="sk-x")
    assert code == 2
    assert answer in said


def test_a_backfill_of_nothing_says_what_to_do(cli):
    code, said = cli("backfill", OPENAI_API_KEY="sk-x")
    assert code == 2
    assert "Nothing was imported yet: give --from and --to, or import a file first." in said


@pytest.fixture
def runs(monkeypatch):
    """The ranges of days that would be run; nothing is."""
    begun = []

    def begin(settings, first, last):
        begun.append((str(first), str(last)))
        return Outcome("run", success=True, problems=())

    monkeypatch.setattr("alignment_monitor.operations.pipeline.run_days", begin)
    return begun


KEY = {"OPENAI_API_KEY": "sk-x"}


def test_a_forecast_needs_no_key_and_runs_nothing(bring, cli, runs):
    bring(record("a", "2025-05-01"), record("b", "2025-05-02"))
    code, said = cli("backfill", "--forecast")
    assert code == 0
    assert "Forecast for 2025-05-01 to 2025-05-02" in said
    assert "2 messages of traffic and" in said
    assert "Too few answers yet to tell what a call takes" in said
    assert runs == []


def test_without_a_terminal_nothing_is_spent_unless_it_is_said(bring, cli, runs):
    bring(record("a", "2025-05-01"))
    code, said = cli("backfill", **KEY)
    assert code == 2
    assert re.search(r"would make \d+ calls of real judges for about \d+\.\d+ USD", said)
    assert "there is no terminal to ask at: add --yes" in said
    assert runs == []
    code, said = cli("backfill", "--yes", **KEY)
    assert code == 0
    assert "Forecast for 2025-05-01" in said
    assert runs == [("2025-05-01", "2025-05-01")]


def test_a_single_day_is_run_without_a_question(cli, runs):
    code, said = cli("run", "--day", "2025-05-01", **KEY)
    assert code == 0
    assert "Forecast" not in said
    assert runs == [("2025-05-01", "2025-05-01")]


@pytest.mark.parametrize(
    "judging",
    [
        "{judges: [{name: a, model: simulated-judge, simulated: true}]}",
        "{sentinels_per_day: 0, canaries_per_day: 0}",
    ],
)
def test_where_nothing_is_spent_nothing_is_asked(cli, configured, runs, judging):
    configured(f"judging: {judging}")
    code, _ = cli("backfill", "--from", "2025-05-01", "--to", "2025-05-02", **KEY)
    assert code == 0
    assert runs == [("2025-05-01", "2025-05-02")]


def test_a_price_that_is_not_known_is_said_before_the_question(cli, configured, runs):
    configured("judging: {judges: [{name: mine, model: nobody-knows-me}]}")
    days = ("--from", "2025-05-01", "--to", "2025-05-01")
    code, said = cli("backfill", *days, **KEY)
    assert code == 2
    assert "The price of 'nobody-knows-me' is not known: set usd_per_million_prompt_tokens" in said
    assert "calls of real judges at a price that is not known" in said
    configured("judging: {usd_per_day: 1, judges: [{name: mine, model: nobody-knows-me}]}")
    code, said = cli("backfill", "--yes", *days, **KEY)
    assert code == 2
    assert "judging.usd_per_day is set, but the price of 'nobody-knows-me' is not known" in said
    assert runs == []


@pytest.mark.parametrize(
    ("typed", "said"), [(b"n\n", b"Nothing was asked."), (b"\x04", b"Aborted")]
)
def test_at_a_terminal_it_asks_and_takes_a_no(home, typed, said):
    terminal, theirs = pty.openpty()
    process = subprocess.Popen(
        [homes.SCRIPT, "backfill", "--from", "2025-05-01", "--to", "2025-05-01", "--home", home],
        env=homes.environment(OPENAI_API_KEY="sk-x"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    heard = b""
    try:
        while b"[y/N]" not in heard:
            heard += os.read(terminal, 4096)
        os.write(terminal, typed)
        with suppress(OSError):  # how a terminal says that nobody is left
            while more := os.read(terminal, 4096):
                heard += more
        assert process.wait(timeout=20) == 1
    finally:
        process.kill()
        os.close(terminal)
    assert said in heard
    assert b"calls of real judges for about" in heard
    assert not (home / "dagster").exists()


def test_the_status_of_an_empty_home_says_what_to_do(cli, home):
    code, said = cli("status")
    assert code == 0
    assert f"Nothing was monitored yet in {home}" in said
    assert "alignment-monitor import FILE" in said


@pytest.mark.parametrize(
    "words",
    [("status",), ("run",), ("backfill",), ("import", "x.jsonl"), ("dashboard",), ("up",),
     ("demo",), ("judge", "serve")],
)  # fmt: skip
def test_every_command_names_a_bad_setting_and_its_place(cli, home, words):
    home.mkdir()
    (home / "monitor.yaml").write_text("sampling: {messages_per_day: '[red]none'}")
    code, said = cli(*words)
    assert code == 2
    assert f"{home}/monitor.yaml" in said
    assert "sampling.messages_per_day: Input should be a valid integer" in said


@pytest.mark.parametrize("words", [("init",), ("import", "x.jsonl"), ("demo",), ("judge", "serve")])
def test_a_home_that_cannot_be_written_is_an_error(cli, tmp_path, words):
    (tmp_path / "file").write_text("in the way")
    code, said = cli(*words, home=tmp_path / "file" / "home")
    assert code == 2
    assert "cannot be written (Not a directory)" in said


def test_the_demo_leaves_a_real_home_alone(cli, home):
    cli("init")
    code, said = cli("demo")
    assert code == 2
    assert "is not the demo's" in said


def test_a_judge_on_a_busy_port_is_an_error(cli):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said = cli("judge", "serve", "--port", port)
    assert code == 2
    assert f"Port {port} cannot be used (Address already in use): choose another" in said


def test_labels_that_are_not_there_are_an_error(cli, tmp_path):
    code, said = cli("judge", "serve", "--labels", tmp_path / "nobody.jsonl.gz")
    assert code == 2
    assert "nobody.jsonl.gz" in said
