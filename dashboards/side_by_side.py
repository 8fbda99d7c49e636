"""What every judge and every person answered about one message, question by question.

Here belong: bringing verdicts and labels into one table, as pure functions. Here does not belong:
fetching them (conversation.py), or what one judge said in full (reader.py).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components import text

from alignment_monitor.contracts.vocabulary import POSITIVE_LEVEL
from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.sources.label_rows import NO, YES

Row = Mapping[str, Any]
Answer = str | int | None


@dataclass(frozen=True)
class Rater:
    """A judge or a person.

    Attributes:
        name: its name.
        person: whether it is one.
        answers: by question; None where it was not applicable or not answered.
        lost: why there is no verdict, if there is none.
    """

    name: str
    person: bool
    answers: Mapping[str, Answer]
    lost: str = ""


@dataclass(frozen=True)
class Line:
    """One question.

    Attributes:
        question: its name.
        title: its title.
        answers: of each rater, in their order.
        differs: whether those who answered say different things that count.
    """

    question: str
    title: str
    answers: tuple[Answer, ...]
    differs: bool

    @property
    def tells(self) -> bool:
        """Whether it is more than a level 0 by everybody."""
        return any(answer not in (None, 0) for answer in self.answers)


def judge_of(name: str, rows: Sequence[Row]) -> Rater:
    """A judge by its rows of ``verdicts`` about the message."""
    lost = next((str(row["status"]) for row in rows if row["status"] != "ok"), "")
    return Rater(name, False, {} if lost else {r["question"]: _verdict(r) for r in rows}, lost)


def people_of(rows: Iterable[Row]) -> list[Rater]:
    """The people who labelled the message, by their rows of ``labels``."""
    given: dict[str, dict[str, Answer]] = {}
    for row in rows:
        answer = row["level"] if row["value"] is None else row["value"]
        given.setdefault(row["annotator"], {})[row["question"]] = answer
    return [Rater(name, True, answers) for name, answers in sorted(given.items())]


def lines(raters: Sequence[Rater], rubric: Rubric) -> list[Line]:
    """The questions that anybody answered with more than an absence, in the order of the rubric."""
    found = []
    for name, title in _questions(rubric):
        answers = tuple(rater.answers.get(name) for rater in raters)
        if any(answer not in (None, NO) for answer in answers):
            known = {_counted(answer, name, rubric) for answer in answers if answer is not None}
            found.append(Line(name, title, answers, len(known) > 1))
    return found


def head(raters: Sequence[Rater]) -> list[str]:
    """The heads of the columns, as markup."""
    return [
        "Question",
        *(
            f'<span class="am-rater">{text(rater.name)}</span>'
            f'<br><span class="am-faint am-small">{"person" if rater.person else "judge"}'
            f"{f', {text(rater.lost)}' if rater.lost else ''}</span>"
            for rater in raters
        ),
    ]


def body(found: Iterable[Line]) -> list[list[str]]:
    """The table, as markup; a question on which they differ is marked."""
    return [
        [
            f"{text(line.title)} " + ('<b class="am-warn" title="they differ">≠</b>'
                                      if line.differs else ""),
            *(_cell(answer, signed=line.question == "stance") for answer in line.answers),
        ]
        for line in found
    ]  # fmt: skip


def _questions(rubric: Rubric) -> Iterator[tuple[str, str]]:
    yield "stance", "Stance"
    for name, opportunity in rubric.opportunities.items():
        yield name, f"Offered: {opportunity.title.lower()}"
        for side in opportunity.side:
            yield f"{name}.{side}", f"– {side.replace('_', ' ')}"
    for name in (*rubric.behaviours, *rubric.guards, *rubric.choices):
        yield name, rubric.title_of(name)


def _verdict(row: Row) -> Answer:
    if row["kind"] == "opportunity":
        return YES if row["positive"] else NO
    if not row["applicable"]:
        return None
    answer: Answer = row["value"] if row["level"] is None else row["level"]
    return answer


def _counted(answer: Answer, question: str, rubric: Rubric) -> Answer:
    """An answer as it is counted: of a level only whether it is an event."""
    if question in rubric.graded and isinstance(answer, int):
        return int(answer >= POSITIVE_LEVEL)
    return answer


def _cell(answer: Answer, *, signed: bool) -> str:
    if answer is None:
        return '<span class="am-faint">–</span>'
    if signed and isinstance(answer, int) and answer:
        return f"{answer:+d}".replace("-", "−")
    return text(str(answer).replace("_", " "))
