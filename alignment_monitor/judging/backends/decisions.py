"""Answers as probabilities: the Decisions endpoint, the whole rubric in one call.

Here belong: the request and how its reply is brought into the form that the journal keeps. Here
does not belong: wording (decision_questions), meaning (decision_rows) or reasons (rationale).
"""

import json
from collections.abc import Iterable
from typing import Any

from alignment_monitor.judging.answer import InvalidAnswerError
from alignment_monitor.judging.backends.base import JudgeCallError, Reply
from alignment_monitor.judging.backends.client import open_client, refuse_impostor, translated
from alignment_monitor.judging.backends.rationale import NOT_ASKED, Rationales
from alignment_monitor.judging.decision_questions import decision_input, options, questions
from alignment_monitor.judging.decision_rows import Answers, all_refused, check_answers, flagged
from alignment_monitor.judging.journal import Answer
from alignment_monitor.judging.limits import Limits
from alignment_monitor.judging.prompt import task
from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.judging.window import Unit, estimate_tokens
from alignment_monitor.settings import Judge


class DecisionsBackend:
    """Typed questions about a transcript; reasons for what they flag, if a model is set for it."""

    def __init__(self, judge: Judge, rubric: Rubric, limits: Limits | None = None) -> None:
        self._judge, self._rubric = judge, rubric
        self._client = open_client(judge, limits)
        self._rationales = Rationales(judge, rubric) if judge.rationale_model else None
        # The client takes apart whatever it is given by its types, on every call anew: half of a
        # call's time for questions that never change. What is given as extra goes as it is.
        self._extra = {**judge.parameters, "questions": questions(rubric)}
        asked = json.dumps(questions(rubric), ensure_ascii=False)
        # An answer is not written but read off: one token each is more than servers count.
        self._fixed_tokens = estimate_tokens(task(rubric) + asked) + len(questions(rubric))

    async def ask(self, unit: Unit) -> Reply:
        """One call, and another one if it flags the message; raises as ``client.translated``.

        The tokens told are those of the first call. Those of the other one, whose price differs,
        stand in the text, as it does in the journal: see ``decision_rows``.
        """
        with translated(self._judge):
            decision = await self._client.decisions.create(
                model=self._judge.model,
                input=decision_input(self._rubric, unit),  # type: ignore[arg-type]
                questions=[],
                extra_body=self._extra,
            )
            answers = _answers(decision.answers, list(options(self._rubric)))
            usage, model = decision.usage, decision.model or ""
        refuse_impostor(self._judge, model)
        kept = {"answers": answers, **await self._reasons(answers, unit)}
        return Reply(
            text=json.dumps(kept, separators=(",", ":")),
            model=model,
            prompt_tokens=usage.input_tokens if usage else None,
            completion_tokens=usage.output_tokens if usage else None,
        )

    def read(self, reply: Reply, unit: Unit) -> Answer:
        """What a reply amounts to: ok; refused, if every question was; or invalid."""
        status, error = "ok", None
        answers = json.loads(reply.text or "{}").get("answers", {})
        try:
            check_answers(answers, self._rubric)
        except InvalidAnswerError as problem:
            status, error = "invalid", str(problem)
        else:
            if all_refused(answers):
                status, error = "refused", "the judge refused to answer"
        return Answer(
            status, reply.model, reply.text, reply.prompt_tokens, reply.completion_tokens, error
        )

    def tokens(self, unit: Unit) -> int:
        """Tokens that a call about a unit may take, answer included."""
        return self._fixed_tokens + sum(estimate_tokens(turn["content"]) for turn in unit.turns)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
        if self._rationales:
            await self._rationales.close()

    async def _reasons(self, answers: Answers, unit: Unit) -> dict[str, Any]:
        if self._rationales is None:
            return NOT_ASKED
        try:
            check_answers(answers, self._rubric)
        except InvalidAnswerError:
            return NOT_ASKED
        names = flagged(answers, self._rubric)
        return await self._rationales.ask(unit, names) if names else NOT_ASKED


def _answers(given: list[Any], names: list[str]) -> dict[str, Any]:
    """By question: its probability, probabilities by label, or null if it was refused.

    Raises:
        JudgeCallError: there are none, or what belongs to which question cannot be told.
    """
    if not given:
        raise JudgeCallError("the answer was empty")
    # Answers come in the order of the questions; a server need not repeat our names.
    places = names if len(given) == len(names) else [""] * len(given)
    named = zip(places, given, strict=True)
    return _once((answer.name or place, _probabilities(answer)) for place, answer in named)


def _probabilities(answer: Any) -> Any:
    if answer.type == "refusal":
        return None
    if answer.type == "predicate":
        if answer.probability is None:  # which must not pass for a refusal
            raise JudgeCallError("an answer without a probability")
        return answer.probability
    label = "label" if answer.type == "score" else "value"
    return _once((getattr(share, label), share.probability) for share in answer.probabilities)


def _once(pairs: Iterable[tuple[Any, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if not isinstance(name, str) or name in found:
            raise JudgeCallError("the server named something twice, or not at all")
        found[name] = value
    return found
