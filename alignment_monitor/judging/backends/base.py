"""What every backend is: a unit goes in, a reply or a typed error comes out.

Here belong: the protocol, its errors, and what makes two answers interchangeable.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Protocol

from alignment_monitor.judging.decision_questions import questions_hash
from alignment_monitor.judging.journal import Answer
from alignment_monitor.judging.prompt import prompt_hash
from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.judging.window import Unit
from alignment_monitor.settings import Judge, Judging


class JudgeStoppedError(Exception):
    """This judge cannot answer at all: its key, quota or model is refused."""


class JudgeCallError(Exception):
    """This call failed for good; others may succeed."""


class RateLimitedError(JudgeCallError):
    """The server asks for patience, longer than the client waits by itself.

    Attributes:
        retry_after: seconds it asks for; null if it names none.
    """

    def __init__(self, message: str, retry_after: float | None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(frozen=True)
class Reply:
    """What a server answered.

    Attributes:
        text: the answer; null if the judge refused.
        model: model snapshot as the server names it.
        prompt_tokens: as counted by the server; null if it does not count.
        completion_tokens: likewise.
    """

    text: str | None
    model: str
    prompt_tokens: int | None
    completion_tokens: int | None


class Backend(Protocol):
    """What can be asked about a unit."""

    async def ask(self, unit: Unit) -> Reply:
        """One call; raises JudgeStoppedError, RateLimitedError or JudgeCallError."""
        ...

    def read(self, reply: Reply, unit: Unit) -> Answer:
        """What a reply amounts to: ok, refused or invalid."""
        ...

    def tokens(self, unit: Unit) -> int:
        """Tokens that a call about a unit may take, answer included."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


def judge_key(judge: Judge, rubric: Rubric, judging: Judging) -> str:
    """Hash of all that makes an answer this judge's: equal keys, interchangeable answers.

    How much context it is shown is part of it. The address of the server is not: a proxy or
    another port is the same judge. Nor is whether a call went alone or in a batch.
    """
    window = [judging.context_messages, judging.context_tokens]
    asked = questions_hash(rubric) if judge.backend == "decisions" else prompt_hash(rubric)
    parts = [judge.provider, judge.model, judge.backend, asked, judge.temperature]
    data = json.dumps([*parts, judge.parameters, *window], sort_keys=True)
    return hashlib.blake2b(data.encode(), digest_size=8).hexdigest()


def fingerprint(judge: Judge, rubric: Rubric, judging: Judging, returned_model: str) -> str:
    """Provider, model as returned, endpoint and hash of prompt and parameters."""
    key = judge_key(judge, rubric, judging)
    return f"{judge.provider}/{returned_model}/{judge.backend}/{key}"
