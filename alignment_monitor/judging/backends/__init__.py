"""How a judge is reached: one module for each kind of endpoint, all through the ``openai`` client.

Here belong: the way from a judge's settings to the backend that asks it.
"""

from alignment_monitor.judging.backends.base import (
    Backend,
    JudgeCallError,
    JudgeStoppedError,
    RateLimitedError,
    Reply,
    fingerprint,
    judge_key,
)
from alignment_monitor.judging.limits import Limits
from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.settings import Judge

__all__ = [
    "Backend",
    "JudgeCallError",
    "JudgeStoppedError",
    "RateLimitedError",
    "Reply",
    "fingerprint",
    "judge_key",
    "open_backend",
]


def open_backend(judge: Judge, rubric: Rubric, limits: Limits) -> Backend:
    """The backend of a judge; told of every 429, the limits slow down.

    Raises:
        JudgeStoppedError: neither a key nor a server that needs none is set.
    """
    if judge.backend == "decisions":
        from alignment_monitor.judging.backends.decisions import DecisionsBackend

        return DecisionsBackend(judge, rubric, limits)
    from alignment_monitor.judging.backends.structured import StructuredBackend

    return StructuredBackend(judge, rubric, limits)
