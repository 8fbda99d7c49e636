"""The commands of docs/labels.md, typed in their order, with people who fill in the files."""

import csv
import json
import re
import shlex
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from alignment_monitor.cli import app
from alignment_monitor.cli.common import console
from alignment_monitor.judging.rubric import load_rubric
from alignment_monitor.settings import load
from alignment_monitor.sources.gold import read_gold
from alignment_monitor.store import database
from tests.dashboard import sample_marts
from tests.unit.operations import judged_warehouse

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "labels.md"
TYPED = [
    line
    for block in re.findall(r"```bash\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    for line in block.splitlines()
]


@pytest.fixture
def cli(home, monkeypatch):
    """Types a command without loading the graph, which no command about labels needs."""
    monkeypatch.setattr(console, "width", 300)

    def type_in(*words, home=home):
        result = CliRunner().invoke(app, [*words, "--home", str(home)])
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result.exit_code, " ".join(result.output.split())

    return type_in


@pytest.fixture
def desk(cli, home, tmp_path, monkeypatch):
    """A home with marts, and a folder to work in; types a command as it stands in the document."""
    sample_marts.write(home, sample_marts.Sample(days=45, talks_per_day=12))
    judged_warehouse.write(home)
    monkeypatch.chdir(tmp_path)
    return lambda line: cli(*shlex.split(line)[1:])


def fill_table(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if row["question"] in load_rubric().opportunities:
            row["answer"] = "yes" if row["question"] == "claim" else "no"
        elif row["question"] == "unwarranted_agreement":
            row["answer"] = "2"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return len({row["id"] for row in rows})


def fill_lines(path):
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for number, line in enumerate(lines):
        line["labels"][0] |= {
            "opportunities": {"claim": {}},
            "levels": {"unwarranted_agreement": number % 3},
        }
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return len(lines)


def test_the_documented_commands_take_labels_from_the_queue_to_an_audit(desk, home, tmp_path):
    said, filled = {}, {}
    for line in TYPED:
        if " import to-label.csv" in line:
            filled["ann"] = fill_table(tmp_path / "to-label.csv")
        if " import for-ben.jsonl" in line:
            filled["ben"] = fill_lines(tmp_path / "for-ben.jsonl")
        code, said[line] = desk(line)
        # The audit stops before it spends: it has read the labels, and there is nobody to ask.
        assert code == (2 if "audit" in line else 0), (line, said[line])
    assert len(said) == len(TYPED) == 10
    queue, export, brought, status, rates, given, more, _, by_ben, audit = said.values()
    assert "Drawn from 2026-11-02 to 2026-11-08" in queue
    assert f"{filled['ann']:,} messages of" in export
    assert f"{filled['ann']} labels new, 0 changed" in brought
    assert re.search(rf"ann │ {filled['ann']} │", status)
    assert "aurora: two-phase, 28 days to 2026-11-08" in rates
    share = r"Unwarranted agreement │ 100.0 % │ \d+.\d to 100.0 % │ \d+.\d % │ "
    assert re.search(share + f"{filled['ann']} │", rates)
    assert "no gold label" in rates
    assert f"Wrote labels.jsonl: {filled['ann']} messages" in given
    added = int(re.search(r"(\d+) of them are new", more).group(1))
    assert added > 0
    assert filled["ben"] == filled["ann"] + added  # what ann labelled is open to ben
    assert f"{filled['ben']} labels new" in by_ben
    assert "no terminal to ask at" in audit
    gold = read_gold(tmp_path / "labels.jsonl", load_rubric(), load(home))
    assert len(gold.references) == filled["ann"]
    _, said_now = desk("alignment-monitor labels status")
    assert re.search(rf"Unwarranted agreement │ -?\d\.\d\d │ .* │ {filled['ann']} │", said_now)


def test_commands_that_cannot_work_say_what_to_do(desk, cli, home, tmp_path):
    code, said = desk("alignment-monitor labels export --queue")
    assert (code, "draw by `alignment-monitor labels queue`" in said) == (2, True)
    code, said = desk("alignment-monitor labels export")
    assert (code, "labels import FILE" in said) == (2, True)
    code, said = desk("alignment-monitor labels estimate")
    assert (code, "was labelled: draw by" in said) == (2, True)
    code, said = desk("alignment-monitor labels queue --from 2026-11-08 --to 2026-11-02")
    assert (code, "turn them round" in said) == (2, True)
    code, said = cli("labels", "queue", home=home.parent / "empty")
    assert (code, "run the days first" in said) == (2, True)
    (tmp_path / "mine.jsonl").write_text("filled in for hours")
    desk("alignment-monitor labels queue")
    code, said = desk("alignment-monitor labels export --queue --out mine.jsonl")
    assert (code, "stays as it is" in said) == (2, True)
    assert (tmp_path / "mine.jsonl").read_text() == "filled in for hours"
    code, said = desk("alignment-monitor labels import mine.jsonl")
    assert (code, "mine.jsonl:1: not JSON" in said) == (1, True)
    assert "hours" not in said


def test_a_store_that_another_process_writes_to_is_told_and_not_broken(
    desk, home, tmp_path, monkeypatch
):
    desk("alignment-monitor labels queue")
    desk("alignment-monitor labels export --queue --out mine.jsonl")
    fill_lines(tmp_path / "mine.jsonl")
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)
    with closing(sqlite3.connect(home / "store.sqlite", isolation_level=None)) as other:
        other.execute("begin immediate")
        for words in ("queue", "import mine.jsonl --annotator ann"):
            code, said = desk(f"alignment-monitor labels {words}")
            assert (code, "in use by another process" in said) == (2, True)
    assert "labels new" in desk("alignment-monitor labels import mine.jsonl --annotator ann")[1]


def test_reading_where_nothing_is_says_so_and_makes_nothing(cli, home):
    code, said = cli("labels", "status")
    assert (code, "Nothing is queued: draw by" in said) == (0, True)
    for words, what in ((("--queue",), "Nothing waits in the queue"), ((), "No labels were given")):
        code, said = cli("labels", "export", *words)
        assert (code, what in said) == (2, True)
    code, said = cli("labels", "estimate")
    assert (code, "run the days first" in said) == (2, True)
    assert not home.exists()
    home.mkdir()
    assert cli("labels", "status")[0] == 0
    assert list(home.iterdir()) == []
