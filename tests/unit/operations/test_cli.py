import json
import socket
from datetime import UTC, datetime, timedelta

import pytest

from alignment_monitor.settings import load

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
