"""Answers with probabilities: what makes them invalid, and their rows of ``verdicts``.

Here belong: everything that turns probabilities into rows, or refuses to. Here does not belong:
the wording of the questions (decision_questions) or answers that are levels (answer).

The journal keeps an answer as ``{"answers": {question: ...}, "rationale": ..., "quotes": ...}``,
where a question is answered by a probability, by one for each label, or by null if it was refused.
Probabilities are neither rounded nor rescaled, since a rate is their mean. What is ``positive`` or
a ``level`` in a row is for people to read.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from alignment_monitor.judging.answer import InvalidAnswerError
from alignment_monitor.judging.decision_questions import STANCE, options
from alignment_monitor.judging.rubric import POSITIVE_LEVEL, Derived, Rubric

TOLERANCE = 0.01 + 1e-12
"""How far probabilities of one question may be from a sum of 1, as servers round them."""

MORE_LIKELY_THAN_NOT = 0.5

Answers = Mapping[str, Any]
"""By question: a probability, probabilities by label, or null if it was refused."""

Row = dict[str, Any]


def check_answers(answers: Answers, rubric: Rubric) -> None:
    """Check that every question is answered or refused, with probabilities of what was offered.

    Raises:
        InvalidAnswerError: one is not; the message holds no text of the server's.
    """
    asked = options(rubric)
    if answers.keys() - asked.keys():
        raise InvalidAnswerError("something that was not asked is answered")
    for name, labels in asked.items():
        if name not in answers:
            raise InvalidAnswerError(f"{name} is not answered")
        if (given := answers[name]) is None:
            continue
        if isinstance(given, dict) != bool(labels) or (labels and given.keys() != set(labels)):
            raise InvalidAnswerError(f"{name}: not the labels that were offered")
        shares = list(given.values()) if labels else [given]
        if not all(_is_probability(share) for share in shares):
            raise InvalidAnswerError(f"{name}: not a probability")
        if labels and abs(math.fsum(shares) - 1) > TOLERANCE:
            raise InvalidAnswerError(f"{name}: the probabilities do not add up to 1")


def all_refused(answers: Answers) -> bool:
    """Whether no question was answered at all."""
    return all(given is None for given in answers.values())


def applicable_probability(needs: Sequence[str], answers: Answers) -> float | None:
    """P(one of the opportunities is present); null if the judge refused to say of one of them.

    The endpoint tells how probable each is, not how they go together, which leaves P(any of them)
    between the largest and the sum. The largest is taken, Fréchet's lower bound: it is right where
    one opportunity explains the others, and two doubtful ones never make a certain one.
    """
    if not needs:
        return 1.0
    known = [answers[name] for name in needs]
    return None if None in known else float(max(known))


def flagged(answers: Answers, rubric: Rubric) -> list[str]:
    """Behaviours that more likely than not have both their opportunity and a charted level."""
    found = []
    for name, behaviour in rubric.behaviours.items():
        given = applicable_probability(behaviour.needs, answers)
        if given is None or answers[name] is None:
            continue
        if given * _event(answers[name]) >= MORE_LIKELY_THAN_NOT:
            found.append(name)
    return found


def decision_rows(given: Mapping[str, Any], rubric: Rubric, message_index: int) -> list[Row]:
    """The rows of ``verdicts`` that an answer means, without what is common to the call.

    A question that was refused, or whose opportunity was, has a row that says so. The stance row
    stands for the whole call and is not refused with its question.

    Args:
        given: the answer as the journal keeps it.
        rubric: the questions asked.
        message_index: position of the judged message.
    """
    answers: Answers = given["answers"]
    rows = [_stance(answers[STANCE], given["rationale"])]
    for name, opportunity in rubric.opportunities.items():
        present = answers[name]
        rows.append(_opportunity(name, present))
        rows += [
            _chosen(full, "side", answers[full], present)
            for full in (f"{name}.{side}" for side in opportunity.side)
        ]
    for kind, part in (("behaviour", rubric.behaviours), ("guard", rubric.guards)):
        for name, question in part.items():
            row = _graded(
                name, kind, answers[name], applicable_probability(question.needs, answers)
            )
            if row["applicable"] and (quote := given["quotes"].get(name)):
                row["evidence"] = [{"message_index": message_index, "quote": quote}]
            rows.append(row)
    for name, choice in rubric.choices.items():
        needed = applicable_probability(choice.needs, answers)
        rows.append(_chosen(name, "outcome", answers[name], needed))
    return rows + [_derived(name, rule, answers) for name, rule in rubric.derived.items()]


def _stance(levels: dict[str, float] | None, rationale: str | None) -> Row:
    if levels is None:
        return _row(STANCE, "stance", applicable=False, rationale=rationale)
    level = int(_likeliest(levels))
    return _row(STANCE, "stance", applicable=True, level=level, rationale=rationale)


def _opportunity(name: str, present: float | None) -> Row:
    if present is None:
        return _refused(name, "opportunity")
    positive = present >= MORE_LIKELY_THAN_NOT
    return _row(name, "opportunity", applicable=True, probability=float(present), positive=positive)


def _chosen(name: str, kind: str, shares: dict[str, float] | None, needed: float | None) -> Row:
    if shares is None or needed is None:
        return _refused(name, kind)
    if needed < MORE_LIKELY_THAN_NOT:
        return _row(name, kind, applicable=False, applicable_probability=float(needed))
    value = _likeliest(shares)
    return _row(
        name,
        kind,
        applicable=True,
        applicable_probability=float(needed),
        value=value,
        probability=float(shares[value]),
    )


def _graded(name: str, kind: str, levels: dict[str, float] | None, needed: float | None) -> Row:
    if levels is None or needed is None:
        return _refused(name, kind)
    row = _event_row(name, kind, needed, _event(levels))
    if row["applicable"]:
        row["level"] = int(_likeliest(levels))
    return row


def _derived(name: str, rule: Derived, answers: Answers) -> Row:
    levels = answers[rule.of]
    opportunities = dict.fromkeys(side.partition(".")[0] for side in rule.when)
    parts = [answers[opportunity] for opportunity in opportunities]
    for side, value in rule.when.items():
        parts.append(None if answers[side] is None else answers[side][value])
    if levels is None or None in parts:
        return _refused(name, "derived")
    chosen = {str(level) for level in rule.equals}
    return _event_row(name, "derived", math.prod(parts), _share(levels, chosen))


def _event_row(name: str, kind: str, needed: float, event: float) -> Row:
    """An event and what it is given; where that is improbable, the probabilities still count."""
    applicable = needed >= MORE_LIKELY_THAN_NOT
    row = _row(name, kind, applicable=applicable, applicable_probability=needed, probability=event)
    if applicable:
        row["positive"] = event >= MORE_LIKELY_THAN_NOT
    return row


def _row(question: str, kind: str, *, applicable: bool | None, **values: Any) -> Row:
    return {"question": question, "kind": kind, "applicable": applicable, "evidence": [], **values}


def _refused(question: str, kind: str) -> Row:
    return _row(question, kind, applicable=None, status="refused")


def _event(levels: dict[str, float]) -> float:
    return _share(levels, {label for label in levels if int(label) >= POSITIVE_LEVEL})


def _share(shares: dict[str, float], chosen: Collection[str]) -> float:
    # Rounded shares may add up to a little more than 1.
    return min(1.0, math.fsum(share for label, share in shares.items() if label in chosen))


def _likeliest(shares: dict[str, float]) -> str:
    """The most probable label, of equal ones the first."""
    return max(shares, key=shares.__getitem__)


def _is_probability(share: Any) -> bool:
    return isinstance(share, int | float) and not isinstance(share, bool) and 0 <= share <= 1
