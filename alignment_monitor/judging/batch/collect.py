"""Answers of an ended batch are taken to the journal, line by line.

Here belongs: what becomes of every unit of a batch. Here does not belong: when that is done
(batch). Whatever is done twice, by a later run or by another process, changes nothing.

A good line can be read only with the text of its unit, since quotes must stand in it. If this run
has not been given the unit, its line stays with the provider for a run that has it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from alignment_monitor.judging.backends.base import JudgeCallError, JudgeStoppedError, Reply
from alignment_monitor.judging.backends.client import STOPPING_CODES, refuse_impostor
from alignment_monitor.judging.backends.structured import read_reply
from alignment_monitor.judging.batch.files import EXPIRED_CODE, Problem, read_line
from alignment_monitor.judging.batch.ledger import BatchLedger, Claim, Submission
from alignment_monitor.judging.batch.provider import BatchProvider, BatchState, GoneError
from alignment_monitor.judging.journal import Answer, Journal, Key, storable
from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.judging.window import Unit
from alignment_monitor.settings import Judge

CHUNK = 500
"""So many lines are committed together."""

PATIENCE = timedelta(hours=48)
"""Twice the window of a batch: after that, what the provider does not have will not come."""


@dataclass
class Collector:
    """Collects one batch.

    Attributes:
        submission: the batch as the store knows it.
        provider: its files.
        ledger: who waits for it.
        journal: where answers go.
        units: those that this run has, by key.
        judge: who was asked.
        rubric: what was asked.
        stopped: why the judge cannot go on, if a line says so.
    """

    submission: Submission
    provider: BatchProvider
    ledger: BatchLedger
    journal: Journal
    units: Mapping[Key, Unit]
    judge: Judge
    rubric: Rubric
    stopped: str | None = None
    _latency: float = 0.0
    _held: dict[Key, Claim] = field(default_factory=dict)
    _spoken: set[Key] = field(default_factory=set)
    _answers: list[tuple[Key, Answer, float]] = field(default_factory=list)
    _done: list[Key] = field(default_factory=list)
    _failed: dict[Key, str] = field(default_factory=dict)
    _again: dict[Key, Answer] = field(default_factory=dict)

    async def collect(self, batch: BatchState) -> None:
        """Settle what an ended batch says.

        Raises:
            JudgeCallError: a file could not be read to its end; what was read is kept.
        """
        mark, counts = self.submission.mark, (batch.completed, batch.failed)
        self.ledger.ended(mark, batch.status, counts, batch.error)
        self.ledger.settle(mark, done=self.journal.known(self.ledger.held(mark)))
        self._held = self.ledger.held(mark)
        self._latency = batch.seconds
        try:
            if batch.error:
                self._fail_all(
                    f"the batch failed: {batch.error}", stops=batch.error in STOPPING_CODES
                )
            else:
                await self._read_files(batch)
        finally:
            self._flush()

    def forget(self) -> None:
        """The provider does not know the batch: its units fail, unless it is young."""
        if self._old:
            self.ledger.ended(self.submission.mark, "unknown", (None, None), None)
            self._held = self.ledger.held(self.submission.mark)
            self._fail_all("the server no longer knows the batch")
            self._flush()

    @property
    def _old(self) -> bool:
        return datetime.now(UTC) - self.submission.created_at > PATIENCE

    async def _read_files(self, batch: BatchState) -> None:
        answered = 0
        for file_id in batch.files:
            try:
                async for line in self.provider.lines(file_id):
                    answered += self._take(line)
            except GoneError:
                self._fail_all("the server no longer has the answers of the batch")
                return
        if answered < (batch.completed or 0) and not self._old:
            raise JudgeCallError("a file of the batch ended early")
        code = {"expired": EXPIRED_CODE, "cancelled": "batch_cancelled"}.get(batch.status, "")
        said = f"the batch reports {code}" if code else "the batch has no line about it"
        self._fail_all(said, code=code)

    def _take(self, line: bytes) -> bool:
        """Note what a line says; whether it has an answer of the judge."""
        try:
            key, said = read_line(line, self.judge)
        except (ValueError, RecursionError):
            return False
        if key in self._held and key not in self._spoken:
            if isinstance(said, Problem):
                self._failure(key, said)
            elif key in self.units:
                self._answer(key, self.units[key], said)
            self._spoken.add(key)
            if len(self._spoken) % CHUNK == 0:
                self._flush()
        return isinstance(said, Reply) or said.answered

    def _answer(self, key: Key, unit: Unit, reply: Reply) -> None:
        try:
            refuse_impostor(self.judge, reply.model)
        except JudgeStoppedError as error:
            self._failure(key, Problem(str(error), stops=True))
            return
        reply = replace(reply, text=storable(reply.text), model=storable(reply.model) or "")
        answer, before = read_reply(reply, self.rubric, unit), self._held[key]
        answer = replace(answer, error=storable(answer.error))
        if before.answer:
            answer = _with_cost_of(answer, before.answer)
        if answer.status == "invalid" and before.unusable < self.judge.again_if_invalid:
            self._again[key] = answer
        else:
            self._answers.append((key, answer, self._latency))

    def _failure(self, key: Key, problem: Problem) -> None:
        if problem.stops:
            self.stopped = self.stopped or problem.reason
        if before := self._held[key].answer:
            self._answers.append((key, before, self._latency))  # it was paid for: it stands
        elif problem.code == EXPIRED_CODE:
            self._done.append(key)
        else:
            self._failed[key] = problem.reason

    def _fail_all(self, reason: str, *, code: str = "", stops: bool = False) -> None:
        """Of whatever no line was seen."""
        for key in self._held.keys() - self._spoken:
            self._failure(key, Problem(reason, code, stops))
            self._spoken.add(key)

    def _flush(self) -> None:
        """Answers first: a unit that waits for nothing any more would be asked about again."""
        self.journal.keep_all(self._answers)
        done = [*self._done, *(key for key, _, _ in self._answers)]
        self.ledger.settle(self.submission.mark, done=done, failed=self._failed, again=self._again)
        for kept in (self._answers, self._done, self._failed, self._again):
            kept.clear()


def _with_cost_of(answer: Answer, before: Answer) -> Answer:
    """An answer with the tokens of the unusable ones before it."""
    return replace(
        answer,
        prompt_tokens=_sum((answer.prompt_tokens, before.prompt_tokens)),
        completion_tokens=_sum((answer.completion_tokens, before.completion_tokens)),
    )


def _sum(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
