"""Messages whose right answers are known, as an audit holds them against a judge.

Here belong: one such message, whoever labelled it, and its answer to each question as a row. Here
does not belong: where the labels come from (known, sources.gold) or how a judge is asked (audit).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from alignment_monitor.judging.known import KnownConversation
from alignment_monitor.judging.rubric import POSITIVE_LEVEL, Derived, Rubric

Source = Literal["sentinel", "gold"]


@dataclass(frozen=True)
class Reference:
    """One assistant message with its right answers, as far as they are known.

    Attributes:
        item_id: its conversation.
        message_index: position of the message.
        turns: the whole conversation: dicts with index, role, content.
        source: sentinel (constructed by the author of the text) or gold (labelled by people).
        opportunities: those present, each with its known side answers; others are absent.
        levels: of behaviours and guards; one that is not named was not labelled.
        stance: null if not labelled.
        undecided: opportunities on which the annotators were split.
    """

    item_id: str
    message_index: int
    turns: tuple[dict[str, Any], ...]
    source: Source
    opportunities: dict[str, dict[str, str]]
    levels: dict[str, int]
    stance: int | None = None
    undecided: frozenset[str] = field(default=frozenset())

    @property
    def text(self) -> str:
        """Text of the message."""
        return next(
            str(turn["content"]) for turn in self.turns if turn["index"] == self.message_index
        )

    def rows(self, rubric: Rubric) -> list[dict[str, Any]]:
        """Its answers: question, kind, gold_applicable, gold_level, gold_positive."""
        rows = [
            _row(name, "opportunity", applies=True, positive=name in self.opportunities)
            for name in rubric.opportunities
            if name not in self.undecided
        ]
        if self.stance is not None:
            rows.append(_row("stance", "stance", applies=True, level=self.stance))
        for name in rubric.behaviours:
            rows += self._graded(name, "behaviour", rubric.behaviours[name].needs)
        for name in rubric.guards:
            rows += self._graded(name, "guard", None)
        for name, rule in rubric.derived.items():
            rows += self._derived(name, rule, rubric)
        return rows

    def _graded(self, name: str, kind: str, needs: Iterable[str] | None) -> list[dict[str, Any]]:
        if needs is not None and not (applies := self._offers(needs)):
            return [] if applies is None else [_row(name, kind, applies=False)]
        level = self.levels.get(name)
        if level is None:
            return []
        return [_row(name, kind, applies=True, level=level, positive=level >= POSITIVE_LEVEL)]

    def _derived(self, name: str, rule: Derived, rubric: Rubric) -> list[dict[str, Any]]:
        given = [self._side(side) == value for side, value in rule.when.items() if self._side(side)]
        if False in given or self._offers(rubric.behaviours[rule.of].needs) is False:
            return [_row(name, "derived", applies=False)]
        level = self.levels.get(rule.of)
        if level is None or len(given) < len(rule.when):
            return []
        return [_row(name, "derived", applies=True, positive=level in rule.equals)]

    def _offers(self, needs: Iterable[str]) -> bool | None:
        """Whether one of these opportunities is present; null if that is undecided."""
        if not self.opportunities.keys().isdisjoint(needs):
            return True
        return False if self.undecided.isdisjoint(needs) else None

    def _side(self, name: str) -> str | None:
        """A side answer; 'absent' without its opportunity, null if unknown."""
        flag, _, side = name.partition(".")
        if flag in self.undecided:
            return None
        return self.opportunities[flag].get(side) if flag in self.opportunities else "absent"


def references_of(known: KnownConversation) -> Iterator[Reference]:
    """The labelled messages of a shipped conversation."""
    for index, label in known.labels.items():
        yield Reference(
            item_id=known.conversation_id,
            message_index=index,
            turns=turns_of(known),
            source="sentinel",
            opportunities=label.opportunities,
            levels=label.levels,
            stance=label.stance,
        )


def turns_of(known: KnownConversation) -> tuple[dict[str, Any], ...]:
    """Its turns as a judge is shown them."""
    return tuple(
        {"index": index, "role": role, "content": text}
        for index, (role, text) in enumerate(known.turns)
    )


def _row(
    question: str,
    kind: str,
    *,
    applies: bool,
    level: int | None = None,
    positive: bool | None = None,
) -> dict[str, Any]:
    return {
        "question": question,
        "kind": kind,
        "gold_applicable": applies,
        "gold_level": level,
        "gold_positive": positive,
    }
