"""The model card of the screener, in Markdown: what it learnt from, how well it does, its limits.

Here belongs: the wording and tables of the card. Here does not belong: how its figures come about
(training, evaluation).
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.screening.evaluation import ACROSS, UNSEEN_MODEL, WITHIN
from alignment_monitor.screening.features import (
    BITS,
    CHARACTER_ORDERS,
    MOST_CHARACTERS,
    WORD_ORDERS,
)
from alignment_monitor.screening.model import FIGURES, packaged

_SOURCES = {
    "spiral_dialogues": (
        "long dialogues with a suggestible simulated user; labels by GPT-5",
        "sam-paech/spiral-bench @ 6b990fa, MIT",
    ),
    "pushback_dialogues": (
        "argument-free disagreement after an answer; labels by parser or model",
        "celomedrado/SycophancyBench @ 186e975, MIT",
    ),
    "opinion_replies": (
        "single replies to a user who takes a side; mean of up to three judges",
        "timfduffy/syco-bench @ a9d163b, MIT-0",
    ),
    "sentinels": ("shipped sentinels; labels constructed by their author", "this project"),
    "labels": ("messages labelled by people", "your own"),
}
_UNKNOWN = ("a research file of your own", "unknown: see where it came from")
_KINDS = {
    WITHIN: "other items of the same data",
    UNSEEN_MODEL: "a model not learnt from",
    ACROSS: "a data set not learnt from",
}

_HEAD = """\
# The embedded screener

Written by `alignment-monitor screener card`; version `{version}`.

For every assistant message it gives a probability of each behaviour, from the wording of the reply
alone: no key, no network. It serves triage, stratification and variance reduction. **It is never
charted as a rate**, and no alert rests on it.

It is a logistic regression for each behaviour over hashed n-grams of the reply ({characters}
characters; {words} words; {buckets:,} buckets), with weights in eight bits. The user's turn is not
read. Of the texts it learnt from, the package holds nothing but these weights.
"""

_LIMITS = """\
## Limits

- **Never charted as a rate.** Its mean probability on a model it did not learn from is off by up to
  {worst}. Order is what it can tell, and that only in part.
- On a data set of another kind it orders far less well ({across}; 0.5 is chance). Expect that of
  your traffic, until labels of your own are among what it learnt from.
- A model that was held out had answered the same items as the models learnt from, so its column
  says more for the screener than your traffic will.
- Length alone orders some of these data sets well. Where the figure in brackets is close, wording
  adds little.
- Labels of research are by models and parsers, mapped onto this rubric; those of sentinels were
  constructed. Neither is human gold. {only}
- It reads English, and the first {most:,} characters of a reply. Whether a claim is wrong, or
  praise is earned, does not show in wording: it sees phrases that go along with a behaviour.
- A probability supposes that the behaviour's opportunity is present; rules find cues of that.
- It learnt from the sentinels: its probability on them says nothing.
- The penalty was chosen, of three tried, on the folds by item: those figures flatter a little.
"""


_OWN = """\
## Training it on your own labels

```bash
alignment-monitor screener train --labels gold.jsonl
```

learns from the sentinels and your labels, and writes `screener.npz` into the home folder, where it
takes the place of the packaged one. `--data` names a folder of labelled research files to learn
from as well, as the packaged weights did.
"""


_NUMBER = (int, float)
_FIELDS: dict[str, dict[str, Any]] = {
    "sources": {"source": str, "messages": int, "groups": int, "deployments": int},
    "checks": {
        "kind": str, "behaviour": str, "source": str, "held": str, "messages": int,
        "rate": _NUMBER, "said": _NUMBER, "auc": _NUMBER, "length_auc": _NUMBER,
    },
    "calibration": {"behaviour": str, "said": _NUMBER, "rate": _NUMBER},
}  # fmt: skip
"""What the card needs of each row of each list."""


class FiguresError(ValueError):
    """A file of figures cannot be used; the message says which, why and what to do."""


def read_figures(path: Path | None = None) -> dict[str, Any]:
    """Figures kept by training: of a file, else the packaged ones.

    Raises:
        FiguresError: the file is missing, cannot be read or holds none.
    """
    file = path or packaged(FIGURES)
    try:
        figures: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FiguresError(f"{file}: there is no such file. {_WHICH}") from error
    except OSError as error:
        raise FiguresError(f"{file} cannot be read ({error.strerror}). {_WHICH}") from error
    except (ValueError, RecursionError) as error:
        raise FiguresError(f"{file} is damaged, or not JSON. {_WHICH}") from error
    if wrong := _missing(figures):
        raise FiguresError(f"{file} holds no figures of a screener: {wrong}. {_WHICH}")
    return figures


_WHICH = (
    "Name the .json that `alignment-monitor screener train` writes beside its weights, or leave "
    "--figures out for the packaged card."
)


def _missing(figures: object) -> str:
    """What the card needs and a file has not; empty: nothing."""
    if not isinstance(figures, dict) or not isinstance(figures.get("version"), str):
        return "it has no version"
    for name, fields in _FIELDS.items():
        rows = figures.get(name)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            return f"it has no list of {name}"
        for number, row in enumerate(rows, start=1):
            for field, kind in fields.items():
                if not isinstance(row.get(field), kind):
                    return f"row {number} of {name} has no {field}"
        if name == "checks" and (odd := {row["kind"] for row in rows} - _KINDS.keys()):
            return f"a check is of no kind that there is: {min(odd)!r}"
    return ""


def model_card(figures: dict[str, Any], rubric: Rubric) -> str:
    """The whole card.

    Args:
        figures: as ``training.train`` gives them.
        rubric: titles of the behaviours.
    """
    head = _HEAD.format(
        version=figures["version"],
        characters=" and ".join(map(str, CHARACTER_ORDERS)),
        words=" and ".join(map(str, WORD_ORDERS)),
        buckets=2**BITS,
    )
    parts = [
        head,
        f"## What it learnt from\n\n{_sources(figures)}\n",
        f"## How well it orders messages\n\n{_ordering(figures, rubric)}\n",
        _limits(figures, rubric),
        f"## Each model held out\n\n{_models(figures, rubric)}\n",
        f"## Calibration\n\n{_calibration(figures, rubric)}\n",
        _OWN,
    ]
    return "\n".join(parts)


def summary(checks: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row a behaviour and data set: each kind of area, and that of length alone beside it.

    Returns:
        Dicts with behaviour, source, messages, rate, and for each kind a list of (area, area by
        length alone), one for each part held out.
    """
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for check in checks:
        key = check["behaviour"], check["source"]
        start = {"behaviour": key[0], "source": key[1], "messages": 0, "rate": 0.0}
        row = rows.setdefault(key, start | {kind: [] for kind in _KINDS})
        row[check["kind"]].append((check["auc"], check["length_auc"]))
        if check["messages"] >= row["messages"]:
            row |= {"messages": check["messages"], "rate": check["rate"]}
    return list(rows.values())


def shown(areas: Sequence[tuple[float, float]]) -> str:
    """Areas for people: the mean, its range where parts differ, and length alone in brackets."""
    if not areas:
        return "–"
    both = np.array(areas)
    mean, length = both.mean(axis=0)
    low, high = both[:, 0].min(), both[:, 0].max()
    spread = f" ({low:.2f}–{high:.2f})" if len(areas) > 1 else ""
    return f"{mean:.2f}{spread} [{length:.2f}]"


def _sources(figures: dict[str, Any]) -> str:
    rows = []
    for given in figures["sources"]:
        what, licence = _SOURCES.get(given["source"], _UNKNOWN)
        counts = (f"{given[name]:,}" for name in ("messages", "groups", "deployments"))
        rows.append((given["source"], what, licence, *counts))
    return _table(("source", "what", "from, licence", "messages", "items", "models"), rows)


def _ordering(figures: dict[str, Any], rubric: Rubric) -> str:
    words = (
        "Area under the ROC curve (0.5 is chance). In square brackets that of the reply's length\n"
        "alone, in the direction that the messages learnt from show; in round ones the range over\n"
        "the models held out.\n\n"
    )
    rows = [
        (
            rubric.title_of(row["behaviour"]),
            row["source"],
            f"{row['messages']:,}",
            f"{row['rate']:.0%}",
            *(shown(row[kind]) for kind in _KINDS),
        )
        for row in summary(figures["checks"])
    ]
    return words + _table(("behaviour", "data", "messages", "events", *_KINDS.values()), rows)


def _limits(figures: dict[str, Any], rubric: Rubric) -> str:
    checks = figures["checks"]
    errors = [
        (abs(c["said"] - c["rate"]), c["messages"]) for c in checks if c["kind"] == UNSEEN_MODEL
    ]
    areas = [c["auc"] for c in checks if c["kind"] == ACROSS]
    worst = "as much as nobody has measured yet"
    if errors:
        error, messages = max(errors)
        worst = f"{100 * error:.0f} points (on {messages:,} messages; see below)"
    across = f"{min(areas):.2f} to {max(areas):.2f}" if areas else "not measured here"
    sources: dict[str, set[str]] = {}
    for check in checks:
        sources.setdefault(check["behaviour"], set()).add(check["source"])
    lone = [rubric.title_of(name) for name, found in sources.items() if found == {"sentinels"}]
    only = f"Learnt from sentinels alone: {', '.join(lone).lower()}." if lone else ""
    return _LIMITS.format(
        worst=worst,
        across=across,
        only=only,
        most=MOST_CHARACTERS,
    )


def _models(figures: dict[str, Any], rubric: Rubric) -> str:
    words = (
        "Share of events as labelled, and the mean probability said (before calibration, which is\n"
        "fitted to all data together): why this is no rate.\n\n"
    )
    rows = [
        (
            rubric.title_of(c["behaviour"]),
            c["source"],
            c["held"],
            f"{c['messages']:,}",
            f"{c['auc']:.2f} [{c['length_auc']:.2f}]",
            f"{c['rate']:.2f}",
            f"{c['said']:.2f}",
        )
        for c in figures["checks"]
        if c["kind"] == UNSEEN_MODEL
    ]
    header = ("behaviour", "data", "model", "messages", "area [length]", "true", "said")
    return words + _table(header, rows)


def _calibration(figures: dict[str, Any], rubric: Rubric) -> str:
    words = (
        "On items held out, all data together, weighted by source; five parts of equal size, from\n"
        "the least to the most probable. The line that calibrates was fitted to these messages.\n\n"
    )
    rows: dict[str, list[str]] = {}
    for part in figures["calibration"]:
        cell = f"{part['said']:.2f} / {part['rate']:.2f}"
        rows.setdefault(rubric.title_of(part["behaviour"]), []).append(cell)
    longest = max(map(len, rows.values()), default=0)
    header = ("said / true", *(f"part {number}" for number in range(1, longest + 1)))
    return words + _table(header, [(name, *cells) for name, cells in rows.items()])


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
