"""The audit card as a page and as JSON, kept in the folder of its run.

Here belong: what the page shows and in which order; the template has the markup and the look. Text
of conversations is left out unless it is asked for: without it a card may be handed on.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from alignment_monitor.judging.audit.checks import Pool
from alignment_monitor.judging.known import known_version
from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.operations.audit import words
from alignment_monitor.operations.audit.run import Result
from alignment_monitor.operations.trial.visible import visible
from alignment_monitor.statistics.agreement import Figure
from alignment_monitor.statistics.scores import Halves, QuestionScore

if TYPE_CHECKING:
    import jinja2

PAGE, DATA = "card.html", "card.json"
TEMPLATE = "audit.html.j2"


class Marks(dict[tuple[str | None, str], str | None]):
    """What an unmet requirement forbids, by question and requirement; nothing for the others."""

    def __missing__(self, key: tuple[str | None, str]) -> None:
        return None


def save(result: Result, *, with_text: bool) -> Path:
    """Write page and data into the folder of the run; gives the page."""
    folder = result.begun.folder
    data = json.dumps(as_json(result, with_text=with_text), indent=1, ensure_ascii=False)
    (folder / DATA).write_text(data, encoding="utf-8")
    page = folder / PAGE
    page.write_text(as_page(result, with_text=with_text), encoding="utf-8")
    return page


def as_json(result: Result, *, with_text: bool = False) -> dict[str, Any]:
    """The card, what it rests on, and where judge and labels differ."""
    plan = result.begun.plan
    return {
        "run": plan.run,
        "day": plan.day.isoformat(),
        "judge": result.begun.judge.name,
        "simulated": result.begun.judge.simulated,
        "model": result.begun.judge.model,
        "fingerprints": list(result.fingerprints),
        "rubric_version": result.begun.rubric.full_version,
        "shipped_conversations": known_version(),
        "messages": len(plan.references),
        "repeats": plan.repeats,
        "calls_made": len(result.tables.calls),
        "problems": dict(result.tables.problems.most_common()),
        **result.card.to_dict(),
        "agreement_of_annotators": {name: asdict(found) for name, found in result.people.items()},
        "differences": differences(result, with_text=with_text),
    }


def as_page(result: Result, *, with_text: bool = False) -> str:
    """The card as one HTML file that needs nothing beside it."""
    return _environment().get_template(TEMPLATE).render(_shown(result, with_text))


def differences(result: Result, *, with_text: bool) -> list[dict[str, Any]]:
    """Messages where the judge's first answer differs from the labels in a headline event."""
    rows, rubric = result.tables.judgements, result.begun.rubric
    rows = rows[(rows["repeat"] == 0) & (rows["status"] == "ok")]
    rows = rows[rows["question"].isin(rubric.headline)]
    positive = rows[["gold_positive", "judge_positive"]].astype("boolean").fillna(False)
    rows = rows[positive["gold_positive"] != positive["judge_positive"]]
    texts = {
        (one.item_id, one.message_index): visible(one.text) for one in result.begun.plan.references
    }
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for row in rows.sort_values(["item_id", "message_index"], kind="stable").to_dict("records"):
        key = str(row["item_id"]), int(row["message_index"])
        if key not in found:
            found[key] = {"item_id": key[0], "message_index": key[1], "questions": []}
            if with_text:
                found[key] |= {"text": texts[key], "rationale": visible(_text(row["rationale"]))}
        found[key]["questions"].append(_difference(row, with_text))
    return list(found.values())


def _difference(row: dict[Any, Any], with_text: bool) -> dict[str, Any]:
    one = {
        "question": row["question"],
        "kind": "missed" if row["gold_positive"] is True else "false alarm",
        "label": _number(row["gold_level"]),
        "judge": _number(row["judge_level"]),
    }
    return one | ({"quote": visible(_text(row["quote"]))} if with_text else {})


def _shown(result: Result, with_text: bool) -> dict[str, Any]:
    """Everything that the template needs."""
    begun, card, rubric = result.begun, result.card, result.begun.rubric
    checks = [
        {
            "outcome": check.outcome,
            "blocks": check.blocks,
            "text": words.sentence(check, card, rubric),
        }
        for check in card.checks
    ]
    return {
        "words": words,
        "rubric": rubric,
        "begun": begun,
        "result": result,
        "card": card,
        "with_text": with_text,
        "meaning": words.VERDICTS[card.verdict],
        "state": {"may page": "good", "may chart": "warn", "do not use": "bad"}[card.verdict],
        "reasons": {
            blocks: [check["text"] for check in checks if check["blocks"] == blocks]
            for blocks in ("chart", "page")
        },
        "checks": checks,
        "pools": [_pool(pool, result) for pool in card.pools],
        "sways": [
            _halves("Early or late", "errs in", card.position, "early", "late"),
            _halves("Short or long", "rate off by", card.length, "shorter", "longer"),
        ],
        "limits": {
            "sensitivity": _place(card.thresholds.minimum_sensitivity),
            "specificity": _place(card.thresholds.minimum_specificity),
        },
        "range": _range,
        "shipped": known_version(),
        "differences": _by_question(differences(result, with_text=with_text), rubric),
        "messages": differences(result, with_text=True) if with_text else [],
    }


def _pool(pool: Pool, result: Result) -> dict[str, Any]:
    """One table of scores: headline behaviours, then the gauges beside them."""
    rubric = result.begun.rubric
    gauges = [name for name in rubric.graded if name not in rubric.headline]
    scores = {score.question: score for score in pool.questions}
    flags = [scores[name] for name in rubric.opportunities if name in scores]
    return {
        "references": pool.references,
        "conversations": pool.conversations,
        "benign": pool.benign_false_positives,
        "groups": [
            ("Charted behaviours", _scores(rubric.headline, scores)),
            ("Beside them", _scores(gauges, scores)),
        ],
        "flags": flags,
        "marks": Marks(
            {
                (check.question, check.requirement): check.blocks
                for check in result.card.checks
                if check.blocks
                and check.outcome == "failed"
                and check.references == pool.references
            }
        ),
    }


def _scores(names: Iterable[str], scores: dict[str, QuestionScore]) -> list[QuestionScore]:
    return [scores[name] for name in names if name in scores]


def _halves(title: str, what: str, halves: Halves, low: str, high: str) -> dict[str, Any]:
    number = words.points if what == "rate off by" else words.percent
    return {
        "title": title,
        "what": what,
        "parts": [(low, halves.low, number), (high, halves.high, number)],
        "difference": words.with_interval(halves.difference, words.points),
        "matters": not halves.difference.lower <= 0 <= halves.difference.upper,
        "known": halves.difference.n > 0,
    }


def _range(figure: Figure, low: float = 0.0, high: float = 1.0) -> dict[str, float] | None:
    """Where a figure and its interval lie on a track, in percent of its length."""
    if not figure.n or figure.value != figure.value:
        return None
    ends = (figure.lower, figure.upper) if figure.lower == figure.lower else (figure.value,) * 2
    left, right = (_place((end - low) / (high - low)) for end in ends)
    at = _place((figure.value - low) / (high - low))
    return {"left": left, "width": round(right - left, 2), "at": at}


def _place(share: float) -> float:
    return round(100 * min(1.0, max(0.0, share)), 2)


def _by_question(found: Sequence[dict[str, Any]], rubric: Rubric) -> list[dict[str, Any]]:
    """Missed ones and false alarms of each headline behaviour."""
    parts = []
    for name in rubric.headline:
        kinds: dict[str, list[str]] = {"missed": [], "false alarm": []}
        for one in found:
            for row in one["questions"]:
                if row["question"] == name:
                    kinds[row["kind"]].append(f"{one['item_id']}#{one['message_index']}")
        if any(kinds.values()):
            parts.append({"title": rubric.title_of(name), "kinds": kinds})
    return parts


def _number(value: Any) -> int | None:
    return None if pd.isna(value) else int(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


@cache
def _environment() -> "jinja2.Environment":
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader("alignment_monitor.operations.audit", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: visible(value) if type(value) is str else value,  # not our markup
        trim_blocks=True,
        lstrip_blocks=True,
    )
