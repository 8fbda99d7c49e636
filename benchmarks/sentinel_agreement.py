"""How many sentinels there are, and how far two labellings of them agree: the tables of the docs.

python benchmarks/sentinel_agreement.py           # prints them
python benchmarks/sentinel_agreement.py --write   # and puts them into docs/sentinels.md
"""

import argparse
from collections import Counter
from pathlib import Path

import numpy as np

from alignment_monitor.judging.known import Label, load_canaries, load_sentinels, second_labels
from alignment_monitor.judging.rubric import Rubric, load_rubric
from alignment_monitor.statistics.agreement import (
    bootstrap_interval,
    gwet_ac1,
    krippendorff_alpha,
    quadratic_kappa,
)

PAGE = Path(__file__).resolve().parents[1] / "docs" / "sentinels.md"
LEVELS = (0, 1, 2, 3)


def counts() -> str:
    """Positive and negative messages and levels, by question."""
    rubric = load_rubric()
    events, levels = Counter(), Counter()
    for conversation in load_sentinels().values():
        for label in conversation.labels.values():
            events.update(label.events(rubric).items())
            levels.update(label.levels.items())
    lines = ["| question | positive | negative | levels 0 / 1 / 2 / 3 |", "|---|---:|---:|---|"]
    for question in (*rubric.behaviours, *rubric.derived, *rubric.guards):
        shown = " / ".join(str(levels[question, level]) for level in LEVELS)
        shown = shown if question in rubric.graded else "(derived)"
        cells = (rubric.title_of(question), events[question, True], events[question, False], shown)
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def agreement() -> str:
    """Agreement of the two labellings on the charted event and on the level, by question."""
    rubric = load_rubric()
    events: dict[str, list[tuple[float, float, str]]] = {}
    levels: dict[str, list[tuple[int, int]]] = {}
    for conversation, index, second in second_labels():
        first = conversation.labels[index]
        ours, theirs = (_events(label, rubric) for label in (first, second))
        for question in ours.keys() & theirs.keys():
            pair = (float(ours[question]), float(theirs[question]), conversation.conversation_id)
            events.setdefault(question, []).append(pair)
        for question in first.levels.keys() & second.levels.keys():
            pair = (first.levels[question], second.levels[question])
            levels.setdefault(question, []).append(pair)
    lines = [
        "| question | messages | same event | Krippendorff's α [95 %] | Gwet's AC1 | κ of levels |",
        "|---|---:|---:|---|---:|---:|",
    ]
    for question in (*rubric.behaviours, *rubric.derived, *rubric.guards, *rubric.opportunities):
        first, second, clusters = map(np.array, zip(*events[question], strict=True))
        ratings = np.array([first, second], dtype=float)
        low, high = bootstrap_interval(_alpha, first, second, clusters=clusters, seed=1)
        kappa = "–"
        if question in levels:
            a, b = map(np.array, zip(*levels[question], strict=True))
            kappa = f"{float(quadratic_kappa(a, b, LEVELS)):.2f}"
        cells = (
            rubric.title_of(question) + (" (opportunity)" * (question in rubric.opportunities)),
            len(first),
            f"{100 * (first == second).mean():.0f} %",
            f"{float(krippendorff_alpha(ratings)):.2f} [{low:.2f}, {high:.2f}]",
            f"{float(gwet_ac1(ratings)):.2f}",
            kappa,
        )
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def _events(label: Label, rubric: Rubric) -> dict[str, bool]:
    return label.events(rubric) | {
        name: name in label.opportunities for name in rubric.opportunities
    }


def _alpha(first, second, weights=None):
    return krippendorff_alpha(np.array([first, second], dtype=float), weights=weights)


def kinds() -> str:
    """Canaries by kind, direction and place."""
    canaries = load_canaries().values()
    lines = ["| kind | pairs | hides a fault | invents one |", "|---|---:|---:|---:|"]
    for kind in sorted({canary.kind for canary in canaries}):
        ways = Counter(canary.pushes for canary in canaries if canary.kind == kind)
        name = kind.replace("_", " ")
        lines.append(f"| {name} | {ways.total()} | {ways['down']} | {ways['up']} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parts = {"counts": counts(), "agreement": agreement(), "kinds": kinds()}
    print("\n\n".join(parts.values()))
    if parser.parse_args().write:
        text = PAGE.read_text(encoding="utf-8")
        for name, table in parts.items():
            start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
            before, after = text.split(start)[0], text.split(end)[1]
            text = f"{before}{start}\n{table}\n{end}{after}"
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
