"""Does the demo find what was put into it, whatever the seed? The whole graph, seed after seed.

    python benchmarks/demo_seeds.py 20            # seeds 101 to 120
    python benchmarks/demo_seeds.py 1 --first 107

The judge is the demo's, asked in this process: its answers depend on the text and the seed alone,
so they are put into the verdict journal and the graph finds them there, as after an interrupted
run. A seed passes if at least two of the raised behaviours are alarmed with the right deployment
and a start within 7 days of the truth, and nothing that was left untouched is alarmed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path

FIRST_DAY = date(2026, 1, 1)
DAYS = 60
CHANGE_DAY = FIRST_DAY + timedelta(days=40)
RAISED = {"unwarranted_agreement/up", "caving/up", "warranted_challenge/down"}


def run_seed(home: Path, seed: int) -> dict[str, object]:
    """Run one seed in a home of its own."""
    from alignment_monitor.operations import demo
    from alignment_monitor.operations.pipeline import prepare_dagster_home, run_days
    from alignment_monitor.operations.summary import summarise

    settings = demo.demo_settings(
        home, days=DAYS, seed=seed, last_day=FIRST_DAY + timedelta(days=DAYS - 1)
    )
    prepare_dagster_home(settings)
    first, last = demo.span(settings)
    answer_everything(seed, first, last)
    os.environ["OPENAI_BASE_URL"] = "http://127.0.0.1:9/v1"  # nobody: all answers are there
    outcome = run_days(settings, first, last)
    summary = summarise(settings.marts)
    return {
        "seed": seed,
        "success": outcome.success,
        "judged": summary.ledger.get(("message", "judged"), 0),
        "failed": summary.ledger.get(("message", "judge_failed"), 0),
        "alerts": [
            {
                "series": "/".join(alert["series"].split("/")[2:]),
                "type": alert["type"],
                "opened": str(alert["opened_on"]),
                "start": alert["evidence"]["start_day"],
                "deployment": alert["evidence"]["nearest_deployment"],
            }
            for alert in summary.alerts
        ],
    }


def answer_everything(seed: int, first: date, last: date) -> None:
    """Sample every day, and keep the demo judge's answer to each message in the journal."""
    import dagster as dg

    from alignment_monitor.assets.conversations import conversations
    from alignment_monitor.assets.judging_sample import judging_sample
    from alignment_monitor.assets.screenings import screenings
    from alignment_monitor.assets.verdicts import day_units
    from alignment_monitor.judging.backends import Reply
    from alignment_monitor.judging.backends.structured import read_reply
    from alignment_monitor.judging.panel import open_journal
    from alignment_monitor.operations.labels import known_messages
    from alignment_monitor.partitions import days_between
    from alignment_monitor.resources.monitor import Monitor
    from alignment_monitor.simulation.judge import SENSITIVITY, SPECIFICITY, SimulatedJudge
    from alignment_monitor.simulation.truth import Truth, add_labels, write_truth

    monitor = Monitor()
    tags = {
        "dagster/asset_partition_range_start": str(first),
        "dagster/asset_partition_range_end": str(last),
    }
    dg.materialize(
        [conversations, screenings, judging_sample],
        tags=tags,
        resources={"monitor": monitor},
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )
    path = monitor.settings.home / "truth.parquet"
    write_truth(monitor.settings.sources[0], path)
    add_labels(path, known_messages())
    judge = SimulatedJudge(Truth.load(path), monitor.rubric, seed, SENSITIVITY, SPECIFICITY)
    judging = monitor.settings.judging
    journal = open_journal(judging.judges[0], monitor.rubric, judging, monitor.store)

    def answer(unit):
        reply = Reply(json.dumps(judge.answer(unit.text)), "simulated-judge", None, None)
        return unit.key, read_reply(reply, monitor.rubric, unit), 0.0

    for day in days_between(first, last):
        journal.keep_all(answer(unit) for unit in day_units(monitor, day))


def verdict(result: dict) -> tuple[bool, str]:
    """Whether a seed passed, and what it found in a few words."""
    alerts = result["alerts"]
    others = [alert["series"] for alert in alerts if alert["series"] not in RAISED]
    near = [
        alert
        for alert in alerts
        if alert["series"] in RAISED
        and alert["deployment"] == "aurora-1.2"
        and abs(date.fromisoformat(alert["start"]) - CHANGE_DAY).days <= 7
    ]
    words = ", ".join(
        f"{alert['series']} from {(date.fromisoformat(alert['start']) - CHANGE_DAY).days:+d} d,"
        f" paged {(date.fromisoformat(alert['opened']) - CHANGE_DAY).days:+d} d"
        for alert in alerts
        if alert["start"]
    )
    passed = bool(result["success"]) and len(near) >= 2 and not others and not result["failed"]
    return passed, words + (f"; UNTOUCHED ALARMED: {others}" if others else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("--first", type=int, default=101)
    parser.add_argument("--home", type=Path)
    options = parser.parse_args()
    if options.home:
        print(json.dumps(run_seed(options.home, options.first)))
        return
    passed = 0
    for seed in range(options.first, options.first + options.count):
        with tempfile.TemporaryDirectory() as home:
            command = [sys.executable, __file__, "1", "--first", str(seed), "--home", home]
            done = subprocess.run(
                command,
                env={**os.environ, "ALIGNMENT_MONITOR_HOME": home},
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode:
            sys.exit(done.stderr[-2000:])
        ok, words = verdict(json.loads(done.stdout.splitlines()[-1]))
        passed += ok
        print(f"seed {seed}: {'pass' if ok else 'MISS'}  {words}", flush=True)
    print(f"{passed} of {options.count} seeds passed")


if __name__ == "__main__":
    main()
