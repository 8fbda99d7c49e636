"""The judging engine: many calls at once, each on its own, each kept as it arrives.

Here belong: concurrency, isolation of errors, resumption and a clean end. Here does not belong:
what is asked (prompt, rubric), how a server is reached (backends) or how fast (limits).
"""

import asyncio
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from alignment_monitor.judging.backends.base import (
    Backend,
    JudgeCallError,
    JudgeStoppedError,
    RateLimitedError,
)
from alignment_monitor.judging.journal import Answer, Journal, Key
from alignment_monitor.judging.limits import Limits
from alignment_monitor.judging.window import Unit

GRACE_SECONDS = 30.0
"""How long calls in flight may still bring their answers after we were told to stop."""

FAILURES_IN_A_ROW = 40
"""So many failed calls without an answer between them, and the judge is taken for gone."""

RATE_LIMITED_ROUNDS = 5
"""How often a call that the server kept refusing for its rate is put back in the queue."""


class JudgingInterrupted(KeyboardInterrupt):
    """We were told to stop; what had been answered is kept, and the next run goes on from there."""


@dataclass
class _Run:
    """The state of one call of ``judge_units``."""

    backend: Backend
    journal: Journal
    limits: Limits
    again_if_invalid: int
    answers: dict[Key, Answer]
    waiting: deque[tuple[Unit, int]] = field(default_factory=deque)
    asking: set[asyncio.Task[Any] | None] = field(default_factory=set)
    failures: int = 0
    reason: str | None = None
    interrupted: bool = False

    @property
    def ended(self) -> bool:
        return self.interrupted or self.reason is not None


async def judge_units(
    units: Sequence[Unit],
    *,
    backend: Backend,
    journal: Journal,
    limits: Limits,
    again_if_invalid: int = 1,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[Key, Answer]:
    """Answers for all units, by their key; what the journal has is not asked again.

    A failed call fails its unit alone. If the judge itself cannot go on (key, quota, model, or
    nothing but failures), no further call is made and what is left is failed with the reason. On
    SIGTERM or SIGINT no further call is made, and those in flight are kept if they come in time.

    Args:
        units: what to judge, in this order; equal content of one occasion is asked once.
        backend: how the judge is reached; closed at the end.
        journal: where answers are kept the moment they arrive.
        limits: how fast it may be asked.
        again_if_invalid: how often an unusable answer is asked for again. Only levels from 1 on
            need a quote, so unusable answers are more often positive ones: dropping them all
            would bias a rate downwards.
        on_progress: told (done, total) after each answer.

    Raises:
        JudgingInterrupted: we were told to stop.
    """
    wanted = {unit.key: unit for unit in units}
    answers = journal.known(wanted)
    run = _Run(backend, journal, limits, again_if_invalid, answers)
    run.waiting.extend((unit, 0) for key, unit in wanted.items() if key not in answers)

    async def work() -> None:
        while run.waiting and not run.ended:
            await _next(run)
            on_progress(len(answers), len(wanted))

    try:
        on_progress(len(answers), len(wanted))
        tasks = [
            asyncio.create_task(work()) for _ in range(min(limits.concurrency, len(run.waiting)))
        ]
        with _told_to_stop(run, tasks):
            await _gathered(tasks)
    finally:
        await backend.close()
    if run.interrupted:
        raise JudgingInterrupted(
            f"stopped with {len(answers):,} of {len(wanted):,} answers kept: "
            "run the same again to go on"
        )
    for unit, _ in run.waiting:
        answers[unit.key] = Answer("failed", error=run.reason)
    return answers


async def _next(run: _Run) -> None:
    """Take the next unit, ask about it, and keep what comes."""
    await run.limits.admit(run.backend.tokens(run.waiting[0][0]) if run.waiting else 0)
    answered = False
    try:
        if not run.waiting or run.ended:
            return
        unit, rounds = run.waiting.popleft()
        run.asking.add(asyncio.current_task())
        began = time.monotonic()
        try:
            answer = await _ask(run, unit)
        except RateLimitedError as error:
            run.limits.throttled(error.retry_after)
            if rounds < RATE_LIMITED_ROUNDS:
                run.waiting.append((unit, rounds + 1))
            else:
                _failed(run, unit, error)
        except JudgeCallError as error:
            _failed(run, unit, error)
        except JudgeStoppedError as error:
            run.reason = run.reason or str(error)
            run.answers[unit.key] = Answer("failed", error=str(error))
        else:
            answered, run.failures = True, 0
            await run.journal.keep(unit.key, answer, time.monotonic() - began)
            run.answers[unit.key] = answer
    finally:
        run.asking.discard(asyncio.current_task())
        run.limits.release(answered=answered)


async def _ask(run: _Run, unit: Unit) -> Answer:
    """The answer about a unit, asked for again while it is unusable; all that was paid is told."""
    prompt = completion = None
    for attempt in range(run.again_if_invalid + 1):
        try:
            if attempt:
                await run.limits.pace(run.backend.tokens(unit))
            answer = run.backend.read(await run.backend.ask(unit), unit)
        except (JudgeCallError, JudgeStoppedError) as error:
            if attempt == 0:
                raise
            if isinstance(error, JudgeStoppedError):
                run.reason = run.reason or str(error)
            break  # the unusable answer that we have was paid for: it stands
        prompt = _sum(prompt, answer.prompt_tokens)
        completion = _sum(completion, answer.completion_tokens)
        if answer.status != "invalid" or run.ended:
            break
    return replace(answer, prompt_tokens=prompt, completion_tokens=completion)


def _sum(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else one + other


def _failed(run: _Run, unit: Unit, error: Exception) -> None:
    run.answers[unit.key] = Answer("failed", error=str(error))
    run.failures += 1
    if run.failures >= FAILURES_IN_A_ROW:
        run.reason = run.reason or f"{run.failures} calls in a row failed; the last one: {error}"


async def _gathered(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Wait for all; an error of ours, which no call is to blame for, ends the others at once."""
    try:
        await asyncio.gather(*tasks)
    except asyncio.CancelledError:
        pass  # we were told to stop
    except Exception:
        for task in tasks:
            task.cancel()
        raise
    finally:
        await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def _told_to_stop(run: _Run, tasks: Sequence[asyncio.Task[None]]) -> Iterator[None]:
    """While the block lasts, SIGTERM and SIGINT end judging: at first gently, then at once."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's; whoever runs us elsewhere has other means
        return
    loop = asyncio.get_running_loop()

    def end(*, calls: bool) -> None:
        for task in tasks:
            if calls or task not in run.asking:
                task.cancel()

    def stop() -> None:
        end(calls=run.interrupted)  # told twice: at once
        run.interrupted = True
        loop.call_later(GRACE_SECONDS, lambda: end(calls=True))

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in before:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
