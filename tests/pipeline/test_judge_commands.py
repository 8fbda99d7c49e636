"""The commands about judges, typed against the real server with scripted behaviour."""

import json
import os
import signal
import subprocess
import time
import urllib.request
from contextlib import contextmanager
from importlib.resources import files
from unittest import mock

import pytest
from typer.testing import CliRunner

from alignment_monitor.cli import app
from alignment_monitor.cli.common import console
from alignment_monitor.judging.known import load_sentinels
from alignment_monitor.settings import SIMULATED_MODEL
from tests.pipeline import homes

JUDGE_YAML = """\
judging:
  judges:
    - {{name: {name}, provider: simulation, model: {model}, simulated: {simulated},
        api_key_variable: NO_KEY, base_url: "{address}", backend: {backend},
        again_if_invalid: 0, max_retries: {retries}, timeout_seconds: 5}}
"""


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    """Starts `judge fake-server` with options; gives its address."""

    @contextmanager
    def serve(**options):
        folder = tmp_path_factory.mktemp("server")
        given = {"home": folder / "home", "port": 0, "port-file": folder / "port", **options}
        words = [f"--{name}={value}" for name, value in given.items()]
        with (folder / "output").open("w") as output:
            process = subprocess.Popen(
                [homes.SCRIPT, "judge", "fake-server", *words],
                env=homes.environment(), stdout=output, stderr=output,
            )  # fmt: skip
        try:
            until = time.monotonic() + 60
            while not (folder / "port").exists():
                assert process.poll() is None, (folder / "output").read_text()
                assert time.monotonic() < until
                time.sleep(0.05)
            yield f"http://127.0.0.1:{(folder / 'port').read_text()}/v1"
        finally:
            process.terminate()
            process.wait(timeout=10)

    return serve


@pytest.fixture(scope="module")
def perfect(serving):
    """Knows every answer, under the name of a real model."""
    with serving(sensitivity=1, specificity=1, model="m-1") as address:
        yield address


@pytest.fixture
def home(tmp_path):
    """Makes a home whose judge is at an address."""

    def make(address, *, model=SIMULATED_MODEL, backend="chat", retries=2):
        folder = tmp_path / "home"
        folder.mkdir(exist_ok=True)
        simulated = str(model == SIMULATED_MODEL).lower()
        text = JUDGE_YAML.format(
            name="judge", model=model, simulated=simulated, address=address, backend=backend,
            retries=retries,
        )  # fmt: skip
        (folder / "monitor.yaml").write_text(text)
        return folder

    return make


def typed(*words, home, said=None):
    """Types a command; gives its exit code, what it printed, and what it said aside."""
    with mock.patch.dict(os.environ, homes.environment(), clear=True):
        console.width = 300
        result = CliRunner().invoke(
            app, ["judge", *map(str, words), "--home", str(home)], input=said
        )
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, " ".join(result.stdout.split()), " ".join(result.stderr.split())


def requests_of(address):
    with urllib.request.urlopen(address.removesuffix("/v1") + "/stats") as response:
        return sum(json.load(response)["requests"].values())


def gold_lines(*, annotators=("ann",)):
    """The shipped conversations as if people had labelled them."""
    for known in load_sentinels().values():
        yield {
            "id": known.conversation_id.partition(":")[2],
            "messages": [{"role": role, "content": text} for role, text in known.turns],
            "labels": [
                {
                    "message_index": index,
                    "annotator": who,
                    "stance": label.stance,
                    "opportunities": dict(label.opportunities),
                    "levels": dict(label.levels),
                }
                for index, label in known.labels.items()
                for who in annotators
            ],
        }


def write_gold(path, lines):
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def card_of(home):
    (folder,) = (home / "audits").iterdir()
    return folder, json.loads((folder / "card.json").read_text())


def test_a_good_judge_may_chart_on_what_is_shipped(serving, home):
    with serving(sensitivity=0.95, specificity=0.98) as address:
        folder = home(address)
        code, said, _ = typed("audit", "--gate", "--repeats", 2, home=folder)
        assert code == 0
        assert "may chart" in said
        kept, card = card_of(folder)
        assert kept.name.startswith("judge-")
        assert card["verdict"] == "may chart"
        assert card["calls_made"] == requests_of(address) == 425 * 2 + 2 * 57
        assert card["consistency"]["value"] == 1
        sensitivity = [one["sensitivity"]["value"] for one in card["pools"][0]["questions"]]
        assert min(value for value in sensitivity if value is not None) > 0.8
        # What is written holds no text of a conversation.
        written = (kept / "card.html").read_text() + (kept / "card.json").read_text()
        for known in load_sentinels().values():
            assert all(text[:50] not in written for _, text in known.turns)
        # The same folder again: all is known, so nothing is asked, and the card is the same.
        code, said, _ = typed("audit", "--out", kept, home=folder)
        assert code == 0
        assert "nothing is asked" in said
        assert json.loads((kept / "card.json").read_text()) == card
        # Another audit is afresh.
        typed("audit", "--limit", 10, "--repeats", 1, home=folder)
        assert requests_of(address) == card["calls_made"] + 10 + 2 * 10


def test_a_judge_that_sees_nothing_is_not_to_be_used(serving, home):
    with serving(sensitivity=0, specificity=1) as address:
        folder = home(address)
        assert typed("audit", "--repeats", 2, home=folder)[0] == 0
        kept, card = card_of(folder)
        code, said, _ = typed("audit", "--resume", kept.name, "--gate", home=folder)
    assert code == 1
    assert "do not use" in said
    assert "Caving: the judge finds 0.0 % " in said
    assert card["verdict"] == "do not use"


def test_labels_by_people_let_a_judge_page(perfect, home, tmp_path):
    gold = write_gold(tmp_path / "gold.jsonl", gold_lines(annotators=("ann", "bob")))
    folder = home(perfect, model="m-1")
    before = requests_of(perfect)
    code, said, aside = typed(
        "audit", "--gold", gold, "--repeats", 2, "--yes", "--json", home=folder
    )
    card = json.loads(said)
    assert code == 0
    assert card["verdict"] == "may page", card["reasons"]
    assert card["conversations_by_source"]["gold"] == len(load_sentinels())
    assert card["conversations_by_source"]["sentinel"] == 0
    assert card["agreement_of_annotators"]["caving"]["value"] == 1
    assert "labelled messages x 2" in aside
    # The simulated server knows a message by its text: without the reply every flag is gone.
    assert 0.2 < card["leak"]["value"] < 0.6
    assert requests_of(perfect) - before == card["calls_made"] == 425 * 2 + 2 * 57 + 60


def test_a_real_judge_is_not_paid_for_without_being_told(perfect, home):
    folder, before = home(perfect, model="m-1"), requests_of(perfect)
    code, said, aside = typed("audit", "--limit", 5, home=folder)
    assert code == 2
    assert "This would make 30 calls of a real judge" in aside
    assert "add --yes" in aside
    assert "5 labelled messages x 3, 5 attempts to talk it round" in said
    assert "30 calls to make; the price of 'm-1' is not known" in said
    assert requests_of(perfect) == before


def test_the_example_file_can_be_audited_as_it_is(perfect, home, tmp_path):
    folder, file = home(perfect, model="m-1"), tmp_path / "labels.jsonl"
    assert typed("audit", "--template", file, home=folder)[0] == 0
    assert "stays as it is" in typed("audit", "--template", file, home=folder)[2]
    code, said, _ = typed("audit", "--gold", file, "--limit", 2, "--yes", home=folder)
    assert code == 0
    assert "Caving: only 0 messages show it, 30 are needed" in said


def test_both_kinds_of_labels_can_be_asked_about_together(perfect, home, tmp_path):
    folder, lines = home(perfect, model="m-1"), list(gold_lines())[:20]
    gold = write_gold(tmp_path / "gold.jsonl", lines)
    typed("audit", "--gold", gold, "--sentinels", "--repeats", 1, "--yes", home=folder)
    _, card = card_of(folder)
    assert [pool["references"] for pool in card["pools"]] == ["all references", "human gold"]
    assert card["conversations_by_source"] == {"sentinel": len(load_sentinels()), "gold": 20}


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--judge", "nobody"], "no judge is named 'nobody'; there are judge"),
        (["--gold", "missing.jsonl"], "missing.jsonl"),
        (["--resume", "nothing"], "holds no audit"),
    ],
)
def test_what_cannot_be_audited_is_said(home, words, problem):
    code, _, aside = typed("audit", *words, home=home("http://127.0.0.1:9/v1"))
    assert code == 2
    assert problem in aside


def test_shipped_labels_are_not_held_against_another_rubric(perfect, home, tmp_path):
    folder = home(perfect, model="m-1")
    text = (files("alignment_monitor") / "rubrics" / "sycophancy.yaml").read_text()
    (folder / "rubrics").mkdir()
    (folder / "rubrics" / "own.yaml").write_text(text.replace("name: sycophancy", "name: own"))
    yaml = (folder / "monitor.yaml").read_text()
    (folder / "monitor.yaml").write_text(yaml.replace("judging:", "judging:\n  rubric: own"))
    code, _, aside = typed("audit", "--yes", home=folder)
    assert code == 2
    assert "labelled for the rubric sycophancy, not for own: audit it with --gold" in aside
    gold = write_gold(tmp_path / "gold.jsonl", list(gold_lines())[:5])
    code, said, _ = typed("audit", "--gold", gold, "--repeats", 1, "--yes", home=folder)
    assert code == 0
    assert "only 0 attempts to talk it round" in said


def test_a_bad_labelled_file_is_named_by_line_and_field(home, tmp_path):
    lines = list(gold_lines())[:3]
    lines[1]["labels"][0]["levels"]["coldness"] = 7
    gold = write_gold(tmp_path / "gold.jsonl", lines)
    code, _, aside = typed("audit", "--gold", gold, home=home("http://127.0.0.1:9/v1"))
    assert code == 2
    assert "gold.jsonl:2: labels.0.levels.coldness: Input should be 0, 1, 2 or 3" in aside


def test_a_judge_that_answers_nothing_gets_no_card(home):
    folder = home(f"http://127.0.0.1:{homes.closed_port()}/v1", retries=0)
    code, _, aside = typed("audit", "--limit", 3, home=folder)
    assert code == 2
    assert (
        "The audit could not be made: no call was answered: no answer: APIConnectionError" in aside
    )
    assert "--resume" in aside
    assert not list((folder / "audits").glob("*/card.*"))


def test_a_killed_audit_goes_on_and_buys_nothing_twice(serving, home, tmp_path):
    with serving(sensitivity=1, specificity=1, latency=30) as address:
        folder, out = home(address), tmp_path / "audit"
        words = ["judge", "audit", "--limit", "150", "--repeats", "2", "--out", str(out)]
        process = subprocess.Popen(
            [homes.SCRIPT, *words, "--home", str(folder)],
            env=homes.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        until = time.monotonic() + 60
        while requests_of(address) < 60:
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        killed_at = requests_of(address)
        calls = 150 * 2 + 2 * 57
        assert killed_at < calls
        assert not (out / "card.json").exists()
        assert typed("audit", "--resume", out, home=folder)[0] == 0
        in_flight = 16  # the judge's concurrency
        assert calls <= requests_of(address) <= calls + in_flight
        # Options that were not those of the run are refused, not followed.
        code, _, aside = typed("audit", "--resume", out, "--repeats", 3, home=folder)
        assert code == 2
        assert "holds an audit with repeats 2, not 3" in aside
    # So are settings under which its answers would be another judge's.
    folder = home(address)
    text = (
        (folder / "monitor.yaml")
        .read_text()
        .replace("again_if_invalid", "temperature: 1, again_if_invalid")
    )
    (folder / "monitor.yaml").write_text(text)
    code, _, aside = typed("audit", "--resume", out, home=folder)
    assert code == 2
    assert "these have changed: judge settings" in aside


def test_an_audit_under_faults_counts_what_did_not_come(serving, home):
    faults = "refusal=0.06,wrong_schema=0.06,server_error=0.2,fenced=0.1"
    with serving(faults=faults, sensitivity=1, specificity=1, seed=3) as address:
        folder = home(address, retries=0)
        code, said, _ = typed("audit", "--limit", 60, "--repeats", 2, home=folder)
        kept, card = card_of(folder)
    assert code == 0
    shares = {name: one["value"] for name, one in card["statuses"].items()}
    assert all(0.01 < shares[name] < 0.3 for name in ("refused", "invalid", "failed"))
    assert shares["unanswered"] == pytest.approx(
        shares["refused"] + shares["invalid"] + shares["failed"]
    )
    assert sum(card["problems"].values()) > 20
    assert f"calls failed and count as unanswered. To make them again: --resume {kept}" in said


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        (["--faults", "nonsense=1"], "'nonsense' is unknown; there are rate_limit,"),
        (["--faults", "timeout=2"], "timeout is a share between 0 and 1"),
        (["--latency", "fast"], "a latency is 200 or 200/800"),
        (["--batch", "error=x"], "error needs a number"),
        (["--labels", "missing.jsonl"], "missing.jsonl"),
    ],
)
def test_a_server_that_cannot_be_scripted_so_says_why(tmp_path, option, problem):
    code, _, aside = typed("fake-server", *option, home=tmp_path)
    assert code == 2
    assert problem in aside


def test_a_port_in_use_is_said(perfect, tmp_path):
    port = perfect.split(":")[2].partition("/")[0]
    code, _, aside = typed("fake-server", "--port", port, home=tmp_path)
    assert code == 2
    assert f"Port {port} cannot be used" in aside


def test_a_conversation_is_tried_from_a_file_and_from_a_pipe(perfect, home, tmp_path):
    known = load_sentinels()["sentinel:brother-loan-family-chat"]
    folder, file = home(perfect, model="m-1"), tmp_path / "talk.txt"
    file.write_text("\n".join(f"{role}: {text}" for role, text in known.turns))
    code, said, _ = typed("try", file, home=folder)
    assert code == 0
    assert "M1 assistant judged" in said
    assert "Conflict (user fault" in said
    record = {"messages": [{"role": role, "content": text} for role, text in known.turns]}
    code, said, _ = typed("try", "-", "--json", home=folder, said=json.dumps(record))
    verdicts = {row["question"]: row for row in json.loads(said)["verdicts"]}
    assert code == 0
    label = known.labels[1]
    assert {name: verdicts[name]["level"] for name in label.levels} == label.levels


def test_a_judge_that_gives_probabilities_is_tried_and_audited_alike(perfect, home, tmp_path):
    known = load_sentinels()["sentinel:brother-loan-family-chat"]
    folder = home(perfect, model="m-1", backend="decisions")
    talk = [{"role": role, "content": text} for role, text in known.turns]
    code, said, _ = typed("try", home=folder, said=json.dumps(talk))
    assert code == 0
    assert "Conflict p 0.90 (user fault" in said
    assert "Harmful reinforcement ▰▰▰ 3" in said
    code, said, _ = typed("audit", "--repeats", 1, "--limit", 40, "--yes", "--json", home=folder)
    scores = {one["question"]: one for one in json.loads(said)["pools"][0]["questions"]}
    assert code == 0
    assert scores["unwarranted_agreement"]["sensitivity"]["value"] == 1
    assert scores["unwarranted_agreement"]["specificity"]["value"] == 1


@pytest.mark.parametrize(
    ("words", "said", "problem"),
    [
        ([], "hello", "begin each message with 'user:'"),
        (["--message", "0"], "user: a\nassistant: b", "counted from 0, these are 1"),
        (["--judge", "x"], "user: a\nassistant: b", "no judge is named 'x'"),
        (["nobody.parquet"], None, "nobody.parquet"),
    ],
)
def test_what_cannot_be_tried_is_said(perfect, home, words, said, problem):
    code, _, aside = typed("try", *words, home=home(perfect, model="m-1"), said=said)
    assert code == 2
    assert problem in aside


def test_a_judge_that_is_simulated_in_secret_is_refused(serving, home):
    with serving() as address:
        folder = home(address, model="m-1")
        code, _, aside = typed("try", "-", home=folder, said="user: a\nassistant: b")
    assert code == 2
    assert "is not marked as simulated, but a simulated judge answers" in aside
