"""Where annotators differ, and how that is settled; and how far labelling has come.

Here belong: what is open to be settled and the final label, and counts of what is done. Here does
not belong: how several labels count (judging.audit.annotators) or how a page looks (dashboards).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Engine

from alignment_monitor.judging.audit.annotators import ADJUDICATED, is_final
from alignment_monitor.judging.rubric import POSITIVE_LEVEL, Rubric
from alignment_monitor.operations.labelling.desk import Desk, key_of
from alignment_monitor.operations.labelling.given import labels_by_message
from alignment_monitor.operations.labelling.order import Worth, lacking
from alignment_monitor.resources.gold import BURST, suspected
from alignment_monitor.sources.label_rows import questions
from alignment_monitor.store import labels as kept

Row = dict[str, Any]
Answer = str | int | None


@dataclass(frozen=True)
class Dispute:
    """A message on which annotators differ.

    Attributes:
        key: of the message.
        answers: by question, in the rubric's order, what each annotator said; none: no answer.
        differing: the questions on which they differ.
        charted: whether they differ in what is charted: an opportunity, or level 2 and more.
        final: who settled it; empty while nobody has.
    """

    key: str
    answers: Mapping[str, Mapping[str, Answer]]
    differing: tuple[str, ...]
    charted: bool
    final: str


@dataclass(frozen=True)
class Progress:
    """How far labelling has come, under the rubric of today.

    Attributes:
        wanted: labels that the queue asks for, by several annotators where that is wanted.
        given: of them, those given.
        messages: in the queue.
        labelled: of them, labelled by anybody.
        bursts: those with open messages: family, behaviour, segment ('' for all), day, open, size,
            and whether the suspicion still stands.
    """

    wanted: int
    given: int
    messages: int
    labelled: int
    bursts: tuple[tuple[str, str, str, str, int, int, bool], ...]


def disputes(desk: Desk) -> list[Dispute]:
    """Messages on which annotators differ, those that change a chart first; settled ones last.

    Only messages that nobody is still to label: who has yet to judge one must not see how others
    did.
    """
    found = []
    given = labels_by_message(desk.store, desk.rubric)
    for row in kept.queued(desk.store):
        labels = given.pop(kept.message_of(row), {})
        names = [name for name in labels if not is_final(name)]
        if len(names) < 2 or lacking(names, desk.room(row)):
            continue
        told = _told({name: labels[name] for name in names}, desk.rubric)
        differing = tuple(question for question, said in told.items() if _differ(said))
        if differing:
            final = next((name for name in labels if is_final(name)), "")
            charted = any(_charted(question, told[question], desk.rubric) for question in differing)
            found.append(
                Dispute(key_of(row), told, differing, charted, final.removeprefix(ADJUDICATED))
            )
    return sorted(found, key=lambda one: (one.final != "", not one.charted, one.key))


def agreed(dispute: Dispute) -> dict[str, str | int]:
    """What annotators have in common, by question: where an adjudicator begins."""
    return {
        question: answer
        for question, said in dispute.answers.items()
        if question not in dispute.differing and (answer := next(iter(said.values()))) is not None
    }


def settle(desk: Desk, key: str, said: Mapping[str, Any], rubric_version: str) -> kept.Kept:
    """Keep the final label of a message, which counts in place of those that differ.

    It is kept beside them, under the name of who settled it; a later one takes its place.

    Raises:
        DeskError: as ``Desk.save``.
    """
    final = replace(desk, annotator=ADJUDICATED + desk.annotator)
    return final.save(key, said, rubric_version)


def progress(
    rows: Sequence[Row],
    given: Mapping[kept.Message, Mapping[str, Any]],
    rooms: Iterable[int],
    worth: Worth,
) -> Progress:
    """How far a queue has come.

    Args:
        rows: of ``gold_queue``.
        given: who labelled each message.
        rooms: how many annotators each row is to have.
        worth: of today.
    """
    wanted = done = labelled = 0
    waiting: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    about: dict[str, tuple[str, str, str]] = {}
    for row, room in zip(rows, rooms, strict=True):
        names = given.get(kept.message_of(row), {})
        wanted += room
        done += room - lacking(names, room)
        labelled += bool(names)
        if row["purpose"] == BURST:
            about[row["batch"]] = suspected(row)
            sizes[row["batch"]] += 1
            waiting[row["batch"]] += not names
    bursts = []
    for batch, size in sorted(sizes.items(), key=lambda entry: entry[0].rpartition("@")[2]):
        if waiting[batch]:
            family, behaviour, segment = about[batch]
            stands = (family, behaviour) in worth.asked
            day = batch.rpartition("@")[2]
            bursts.append((family, behaviour, segment, day, waiting[batch], size, stands))
    return Progress(wanted, done, len(rows), labelled, tuple(bursts))


def who_labelled(store: Engine, rubric: Rubric) -> dict[str, tuple[int, Any]]:
    """Messages labelled by each annotator, and when last."""
    found: dict[str, tuple[int, Any]] = {}
    for names in kept.labelled_by(store, rubric.full_version).values():
        for name, last in names.items():
            count, newest = found.get(name, (0, last))
            found[name] = count + 1, max(newest, last)
    return dict(sorted(found.items()))


def _told(labels: Mapping[str, list[Row]], rubric: Rubric) -> dict[str, dict[str, Answer]]:
    """By question, what each annotator said; only questions that anybody answered."""
    found: dict[str, dict[str, Answer]] = {}
    said = {
        name: {
            row["question"]: row["level"] if row["value"] is None else row["value"] for row in rows
        }
        for name, rows in labels.items()
    }
    for question in questions(rubric):
        if any(question in answers for answers in said.values()):
            found[question] = {name: answers.get(question) for name, answers in said.items()}
    return found


def _differ(said: Mapping[str, Answer]) -> bool:
    """Whether two answers differ; one that is missing is held against nobody."""
    return len({answer for answer in said.values() if answer is not None}) > 1


def _charted(question: str, said: Mapping[str, Answer], rubric: Rubric) -> bool:
    if question in rubric.opportunities:
        return True
    levels = [answer for answer in said.values() if isinstance(answer, int)]
    return question in rubric.graded and len({level >= POSITIVE_LEVEL for level in levels}) > 1
