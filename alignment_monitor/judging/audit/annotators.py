"""Several people label the same message: one answer of theirs, and how far they agree.

Here belong: the vote, and the coefficient of agreement that a judge's is to be compared with. Here
does not belong: the shape of a file of labels (sources.gold).
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from statistics import median_low
from typing import Any, TypeVar

import pandas as pd

from alignment_monitor.judging.audit.reference import Reference
from alignment_monitor.judging.rubric import POSITIVE_LEVEL, Rubric
from alignment_monitor.statistics.agreement import Figure, krippendorff_alpha
from alignment_monitor.statistics.scores import Scorer

Label = dict[str, Any]
"""One annotator's answers about one message, as they stand in the file."""

ADJUDICATED = "adjudicated/"
"""How the name begins under which a final label is kept, where annotators differed."""

_Vote = TypeVar("_Vote", bound=Hashable)
_Given = TypeVar("_Given")


def is_final(annotator: str) -> bool:
    """Whether a label settles what annotators said, and is none of theirs."""
    return annotator.startswith(ADJUDICATED)


def decisive(given: Mapping[str, _Given]) -> dict[str, _Given]:
    """What counts of the labels of a message, by annotator: the final one, else all."""
    final = {who: label for who, label in given.items() if is_final(who)}
    return final or dict(given)


def consensus(
    item: str, turns: tuple[dict[str, Any], ...], labels: Iterable[Label], rubric: Rubric
) -> tuple[list[Reference], int]:
    """One reference for each message, and how many answers were evenly split.

    An opportunity and a side answer go by majority, a level is the median; a tie, for a level one
    between charted and not, is no answer. A final label stands for all.

    Args:
        item: the conversation.
        turns: of it.
        labels: of all annotators.
        rubric: the questions.
    """
    by_message: dict[int, list[Label]] = {}
    for label in labels:
        by_message.setdefault(label["message_index"], []).append(label)
    references, split = [], 0
    for index, everybody in sorted(by_message.items()):
        votes = [vote for vote in everybody if is_final(vote["annotator"])] or everybody
        present = {
            flag: _majority([flag in vote["opportunities"] for vote in votes])
            for flag in rubric.opportunities
        }
        given = {
            name: [vote["levels"][name] for vote in votes if name in vote["levels"]]
            for name in rubric.graded
        }
        levels = {name: _level(found) for name, found in given.items() if found}
        stances = [vote["stance"] for vote in votes if "stance" in vote]
        undecided = frozenset(flag for flag, vote in present.items() if vote is None)
        split += len(undecided) + sum(level is None for level in levels.values())
        references.append(
            Reference(
                item_id=item,
                message_index=index,
                turns=turns,
                source="gold",
                opportunities={flag: _sides(flag, votes) for flag, vote in present.items() if vote},
                levels={name: level for name, level in levels.items() if level is not None},
                stance=median_low(stances) if stances else None,
                undecided=undecided,
            )
        )
    return references, split


def _sides(flag: str, votes: Iterable[Label]) -> dict[str, str]:
    given = [vote["opportunities"][flag] for vote in votes if flag in vote["opportunities"]]
    names = {side for sides in given for side in sides}
    found = {n: _majority([sides[n] for sides in given if n in sides]) for n in sorted(names)}
    return {name: value for name, value in found.items() if value is not None}


def _level(levels: Sequence[int]) -> int | None:
    charted = _majority([level >= POSITIVE_LEVEL for level in levels])
    return None if charted is None else median_low(levels)


def _majority(votes: Sequence[_Vote]) -> _Vote | None:
    """What most say; null if the two most frequent are equally frequent."""
    (value, most), *rest = Counter(votes).most_common(2)
    return None if rest and rest[0][1] == most else value


def ratings_of(item: str, labels: Iterable[Label]) -> Iterator[dict[str, Any]]:
    """Every level as each annotator gave it: item_id, message_index, annotator, question, level.

    A final label is nobody's own judgement, and is left out.
    """
    for label in labels:
        if is_final(label["annotator"]):
            continue
        common = {"item_id": item, "message_index": label["message_index"]}
        for question, level in label["levels"].items():
            yield {**common, "annotator": label["annotator"], "question": question, "level": level}


def agreement(ratings: Iterable[dict[str, Any]]) -> dict[str, Figure]:
    """Krippendorff's ordinal alpha of the annotators among themselves, by question.

    Args:
        ratings: what ``ratings_of`` gives; questions that nobody answered twice are left out.
    """
    columns = ["item_id", "message_index", "annotator", "question", "level"]
    table = pd.DataFrame(list(ratings), columns=columns)
    figures: dict[str, Figure] = {}
    for question, part in table.groupby("question"):
        units = part.pivot(index=columns[:2], columns="annotator", values="level")
        units = units[units.notna().sum(axis=1) > 1]
        if len(units):
            figures[str(question)] = Scorer().figure(
                partial(krippendorff_alpha, level="ordinal"),
                units.to_numpy(dtype=float).T,
                clusters=units.index.get_level_values("item_id"),
            )
    return figures
