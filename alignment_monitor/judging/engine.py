"""The judging engine: many calls at once, each on its own, each kept as it arrives.

Here belong: concurrency, isolation of errors and resumption. Here does not belong: what is
asked (prompt, rubric) or how a server is reached (backends).
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from alignment_monitor.judging.answer import InvalidAnswerError, parse_answer
from alignment_monitor.judging.backends import JudgeCallError, JudgeStoppedError, Reply
from alignment_monitor.judging.journal import Answer, Journal
from alignment_monitor.judging.prompt import Unit, messages, normalise
from alignment_monitor.judging.rubric import Rubric


class Backend(Protocol):
    """What can be asked."""

    async def ask(self, messages: list[dict[str, str]]) -> Reply:
        """One call; raises JudgeStoppedError or JudgeCallError."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


async def judge_units(
    units: Sequence[Unit],
    *,
    rubric: Rubric,
    backend: Backend,
    journal: Journal,
    concurrency: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Answer]:
    """Answers for all units, by content hash; what the journal has is not asked again.

    A failed call fails its unit alone. If the judge itself cannot go on (key, quota, model), no
    further call is made and what is left is failed with the reason.

    Args:
        units: what to judge; equal content is asked once.
        rubric: the questions.
        backend: how the judge is reached; closed at the end.
        journal: where answers are kept the moment they arrive.
        concurrency: calls in flight.
        on_progress: told (done, total) after each answer.
    """
    wanted = {unit.content_hash: unit for unit in units}
    answers = journal.known(wanted)
    waiting = [(key, unit) for key, unit in wanted.items() if key not in answers]
    waiting.reverse()  # workers take from the end: oldest first
    stopped: list[str] = []

    async def work() -> None:
        while waiting:
            key, unit = waiting.pop()
            if stopped:
                answers[key] = Answer("failed", error=stopped[0])
                continue
            began = time.monotonic()
            try:
                answer = read_reply(await backend.ask(messages(rubric, unit)), rubric, unit)
            except JudgeCallError as error:
                answer = Answer("failed", error=str(error))
            except JudgeStoppedError as error:
                stopped.append(str(error))
                answer = Answer("failed", error=str(error))
            if answer.status != "failed":
                journal.keep(key, answer, time.monotonic() - began)
            answers[key] = answer
            on_progress(len(answers), len(wanted))

    try:
        on_progress(len(answers), len(wanted))
        async with asyncio.TaskGroup() as group:
            for _ in range(min(concurrency, len(waiting))):
                group.create_task(work())
    finally:
        await backend.close()
    return answers


def read_reply(reply: Reply, rubric: Rubric, unit: Unit) -> Answer:
    """What a reply amounts to: ok, refused or invalid."""
    status, error = "ok", None
    if reply.text is None:
        status, error = "refused", "the judge refused to answer"
    else:
        try:
            parse_answer(reply.text, rubric, unit.pieces, normalise)
        except InvalidAnswerError as problem:
            status, error = "invalid", str(problem)
    return Answer(
        status, reply.model, reply.text, reply.prompt_tokens, reply.completion_tokens, error
    )
