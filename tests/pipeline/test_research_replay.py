"""Real dialogues with labels through the whole graph: undated, long, and none of them lost."""

import re
import subprocess
import time
from collections import Counter, defaultdict
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from alignment_monitor.contracts import BY_MONTH, MARTS
from alignment_monitor.parquet import write_parquet
from alignment_monitor.resources.marts import Marts
from tests.dashboard.test_pages import PAGES, opened, said
from tests.pipeline import homes
from tests.untraced import untraced

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("replay")]

SPIRAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "spiral_dialogues.jsonl.gz"
LAST_DAY = "2026-02-07"
MONITOR_YAML = """\
judging:
  sentinels_per_day: 0
  canaries_per_day: 0
  judges:
    - {name: judge, model: simulated-judge, api_key_variable: SIMULATED_JUDGE_KEY, simulated: true}
sampling: {messages_per_conversation: 3}
"""


@contextmanager
def labelled_judge(home):
    """``judge serve --labels``, as an operator starts it."""
    port = homes.closed_port()
    words = ["judge", "serve", "--labels", SPIRAL, "--port", str(port), "--home", home]
    process = subprocess.Popen(
        [homes.SCRIPT, *words], env=homes.environment(), stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        heard = [process.stdout.readline(), process.stdout.readline()]
        assert "listening" in heard[-1], heard
        yield re.search(r"OPENAI_BASE_URL=(\S+)", heard[0]).group(1)
    finally:
        process.terminate()
        process.communicate(timeout=10)


def _as_before(marts: Path) -> None:
    """The marts by month as one file each, as homes had them; without the rows to come."""
    marts.mkdir()
    for name in BY_MONTH:
        write_parquet(MARTS[name].empty(), marts / f"{name}.parquet")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    if not SPIRAL.exists():
        pytest.skip(f"{SPIRAL.name} is not beside the checkout (../shared/data)")
    home = tmp_path_factory.mktemp("replay")
    (home / "monitor.yaml").write_text(MONITOR_YAML)
    words = ["--replay", "--replay-days", "20", "--last-day", LAST_DAY]
    _as_before(home / "marts")
    imported = homes.invoke("import", str(SPIRAL), *words, home=home)
    assert imported.exit_code == 0, imported.output + imported.stderr
    began = time.monotonic()
    with untraced(), labelled_judge(home) as address:
        run = homes.invoke("backfill", home=home, OPENAI_BASE_URL=address)
    assert run.exit_code == 0, run.output + run.stderr
    return SimpleNamespace(home=home, imported=imported, seconds=time.monotonic() - began)


@pytest.mark.parametrize("name", BY_MONTH)
def test_a_run_moves_a_home_of_before_to_months(world, name):
    home = Marts(world.home / "marts")
    assert not home.whole(name).exists()
    assert {path.parent.name for path in home.files(name)} == {name}
    assert home.span(name)[1].isoformat() == LAST_DAY


def test_all_dialogues_and_messages_end_in_a_state(world):
    assert "60 records, 60 understood" in world.imported.output
    states = Counter()
    for row in homes.mart(world.home, "ledger_daily"):
        states[row["level"], row["state"]] += row["count"]
    print(f"{dict(states)} in {world.seconds:.0f} s")
    assert states["conversation", "accepted"] == 60
    assert sum(n for (level, _), n in states.items() if level == "conversation") == 60
    assert sum(n for (level, _), n in states.items() if level == "message") == 60 * 20
    judged = homes.mart(world.home, "judged_messages")
    assert states["message", "judged"] == len(judged) > 100
    assert {row["status"] for row in judged} == {"ok"}


def test_deployments_serve_one_after_the_other(world):
    served = sorted(homes.mart(world.home, "deployments"), key=lambda row: row["first_day"])
    assert [row["deployment"] for row in served] == ["claude-3.5-sonnet", "claude-sonnet-4"]
    assert served[0]["last_day"] < served[1]["first_day"]


def test_labels_reach_the_estimates(world):
    """The judge answers from labels, so each behaviour that the data has shows up with its n."""
    positive = defaultdict(int)
    for row in homes.mart(world.home, "judged_messages"):
        for name in row["flagged"] or ():
            positive[row["deployment"], name] += 1
    print(dict(positive))
    assert {name for _, name in positive} > {"unearned_praise"}
    rows = [
        row
        for row in homes.estimates(world.home)
        if (row["segment"], row["window_days"]) == ("all", 28) and row["n"]
    ]
    for row in sorted(rows, key=lambda row: (row["behaviour"], row["deployment"])):
        if str(row["day"]) == LAST_DAY and row["deployment"] != "all":
            print(row["behaviour"], row["deployment"], row["n"], row["lower"], row["upper"])
    assert rows
    assert all(0 <= row["lower"] <= row["prevalence"] <= row["upper"] <= 1 for row in rows)


@pytest.mark.parametrize("page", PAGES)
def test_the_pages_show_the_dialogues(world, page, monkeypatch):
    monkeypatch.setenv("ALIGNMENT_MONITOR_HOME", str(world.home))
    text = said(opened(page))
    assert "make demo" not in text


def test_a_dialogue_is_shown_with_its_verdict(world, monkeypatch):
    monkeypatch.setenv("ALIGNMENT_MONITOR_HOME", str(world.home))
    row = homes.mart(world.home, "judged_messages")[0]
    place = {"conversation": row["conversation_id"], "message": str(row["message_index"])}
    assert "Simulated verdict" in said(opened("views/conversations.py", **place))
