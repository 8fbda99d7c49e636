"""Ten thousand conversations with one poisoned row of each kind among them: are the others judged?

    python -m benchmarks.poisoned

The poison is that of ``tests/pipeline/test_inputs.py``: hostile scripts, texts and names, a message
of ten megabytes, conflicting identifiers, half a file, times to come, bytes that are no text.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.fakes import fault_server
from tests.pipeline import homes
from tests.pipeline.test_inputs import files, talk

MONITOR_YAML = """\
sampling: {{messages_per_day: 100000}}
judging:
  calls_per_day: 100000
  sentinels_per_day: 0
  canaries_per_day: 0
  judges:
    - {{name: judge, provider: simulation, model: simulated-judge, simulated: true,
       base_url: "{url}", concurrency: 64}}
"""


def run(folder: Path, conversations: int) -> tuple[Counter, Counter]:
    """States of messages and conversations over the days, and the rules that refused."""
    home = folder / "home"
    home.mkdir()
    days = [datetime.now(UTC).date() - timedelta(days=n) for n in (2, 1)]
    sound = folder / "sound.jsonl"
    with sound.open("w") as lines:
        for number in range(conversations):
            record = talk(f"sound-{number}", days[0], f"Is {number} so?", f"Yes, {number} is so.")
            lines.write(json.dumps(record) + "\n")
    with fault_server.running() as url:
        (home / "monitor.yaml").write_text(MONITOR_YAML.format(url=url))
        for path in (*files(folder, *days), sound):
            command("import", str(path), home=home, refused=path.name == "half.parquet")
        command("backfill", home=home)
    states = Counter()
    for row in homes.mart(home, "ledger_daily"):
        states[row["level"], row["state"]] += row["count"]
    return states, Counter(row["rule"] for row in homes.mart(home, "quarantine"))


def command(*words: str, home: Path, refused: bool = False) -> None:
    done = subprocess.run(
        [homes.SCRIPT, *words, "--home", str(home)],
        env=homes.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if bool(done.returncode) != refused:
        sys.exit(done.stdout[-3000:] + done.stderr[-3000:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, default=10_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        states, rules = run(Path(folder), options.conversations)
    for key, count in sorted(states.items()):
        print(*key, f"{count:,}")
    print("quarantined by", dict(rules))
    judged = states["message", "judged"]
    # Of each conversation one message is judged; those with poison that was let in are judged too.
    print(f"{judged:,} judged; {options.conversations:,} sound conversations came in")
    sys.exit(judged < options.conversations)


if __name__ == "__main__":
    main()
