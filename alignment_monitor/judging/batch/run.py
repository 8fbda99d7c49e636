"""Judging by the Batch API: units are submitted, answers collected by this or a later run.

Here belong: what a run does about its units, and for how long. Here do not belong: the store's side
(batch_ledger), the provider's (batch_provider), or what an answer is worth (batch_collect).

A run can end at any instant, and the next one goes on from what the store says. Units are claimed
for a batch before anything is uploaded, and the batch carries our mark: if a run dies before the
provider's id is noted, the next one asks the provider for the batch with that mark and adopts it.
If there is none, the claim is given up once its lease is over, and the units are submitted anew.
"""

import asyncio
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Engine

from alignment_monitor.judging.backends.base import JudgeCallError, JudgeStoppedError
from alignment_monitor.judging.batch.collect import Collector
from alignment_monitor.judging.batch.files import write_part
from alignment_monitor.judging.batch.ledger import (
    FAILED,
    OPEN,
    SUBMITTING,
    BatchLedger,
    Claim,
    Submission,
    submissions,
)
from alignment_monitor.judging.batch.provider import BatchProvider, GoneError, UncertainError
from alignment_monitor.judging.batch.stop import Stop
from alignment_monitor.judging.journal import Answer, Journal, Key
from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.judging.window import Unit
from alignment_monitor.settings import Judge

LEASE = timedelta(minutes=20)
"""How long an upload, or the creation of a batch, may take before others give it up."""

SUBMISSIONS = 2
"""How often one run submits a unit whose batches expire before they get to it."""

_AWAITS = "awaits batch "


@dataclass(frozen=True)
class Pace:
    """How long a run waits for its batches, in seconds.

    Attributes:
        wait: altogether, after submission; 0: what is not there is left to the next run.
        first: before the first look; doubled with each.
        longest: between two looks.
        lease: how long a submission that was cut off is left alone.
    """

    wait: float
    first: float = 2.0
    longest: float = 60.0
    lease: timedelta = LEASE


def awaited_mark(error: str | None) -> str | None:
    """The mark of the batch that a verdict awaits, by its error text."""
    return error.removeprefix(_AWAITS) if error and error.startswith(_AWAITS) else None


async def judge_by_batch(
    judge: Judge,
    units: Sequence[Unit],
    *,
    rubric: Rubric,
    journal: Journal,
    store: Engine,
    pace: Pace | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[Key, Answer]:
    """Answers for all units, by their key; awaiting where a batch has not been collected.

    What the journal has, or an open batch, is not asked again. A unit whose line failed fails in
    this run and is asked again by the next one; one that its batch did not get to before it
    expired is asked again at once, though not for ever by one run.

    Args:
        judge: whom to ask.
        units: about what; equal content of one occasion is asked once.
        rubric: the questions.
        journal: where answers are kept.
        store: operational store.
        pace: how long to wait; null: as the judge is set.
        on_progress: told (done, total) after each look.

    Raises:
        JudgingInterrupted: we were told to stop; nothing that was submitted is lost.
    """
    ledger = BatchLedger(store, journal.judge_key, journal.rubric_version)
    pace = pace or Pace(judge.batch_wait_minutes * 60)
    run = _Run(judge, units, rubric, journal, store, ledger, pace)
    try:
        provider = BatchProvider(judge)
    except JudgeStoppedError as error:
        run.reason = str(error)
        return run.outcome()
    try:
        with Stop().heard() as stop:
            await run.go_on(provider, stop, on_progress)
    finally:
        await provider.close()
    return run.outcome()


class _Run:
    """What one run knows of its units beyond the store."""

    def __init__(
        self,
        judge: Judge,
        units: Sequence[Unit],
        rubric: Rubric,
        journal: Journal,
        store: Engine,
        ledger: BatchLedger,
        pace: Pace,
    ) -> None:
        self._judge, self._rubric, self._pace = judge, rubric, pace
        self._journal, self._store, self._ledger = journal, store, ledger
        self._wanted = {unit.key: unit for unit in units}
        self._answers = journal.known(self._wanted)
        self._failed: dict[Key, str] = {}
        self._seen: set[Key] = set()  # on their way at some time in this run
        self._submitted: Counter[Key] = Counter()  # how often by this run
        self.reason: str | None = None  # why nothing more is submitted
        self._refused = False  # the server does not even tell us of our batches

    async def go_on(
        self, provider: BatchProvider, stop: Stop, on_progress: Callable[[int, int], None]
    ) -> None:
        """Collect and submit, until nothing is on its way or the time is over."""
        until, interval = None, self._pace.first
        while True:
            await stop.unless(self._take_up(provider))
            await self._submit(provider, stop)
            waiting = any(claim.status == OPEN for claim in self._claims().values())
            on_progress(len(self._answers), len(self._wanted))
            now = time.monotonic()
            until = now + self._pace.wait if until is None else until
            if now >= until or self._refused or not waiting:
                return
            await stop.unless(asyncio.sleep(min(interval, until - now)))
            interval = min(interval * 2, self._pace.longest)

    def outcome(self) -> dict[Key, Answer]:
        """What each unit's answer is, for now."""
        claims = self._claims()
        for key in self._wanted.keys() - self._answers.keys():
            claim = claims.get(key)
            if claim and claim.status == OPEN:
                self._answers[key] = Answer("awaiting", error=f"{_AWAITS}{claim.mark}")
            else:
                failed = claim.error if claim and claim.status == FAILED else None
                reason = self._failed.get(key) or failed or self.reason
                self._answers[key] = Answer("failed", error=reason or "no batch could be made")
        return self._answers

    def _claims(self) -> dict[Key, Claim]:
        """Units without an answer that are on their way or failed; answers that came are noted."""
        open_keys = [key for key in self._wanted if key not in self._answers]
        claims = self._ledger.claims(open_keys)
        gone = [key for key in open_keys if key in self._seen and key not in claims]
        self._answers.update(self._journal.known(gone))
        self._seen.update(key for key, claim in claims.items() if claim.status == OPEN)
        return claims

    async def _take_up(self, provider: BatchProvider) -> None:
        """Look after every batch that holds units of ours, each on its own."""
        marks = {claim.mark for claim in self._claims().values() if claim.status == OPEN}
        for submission in submissions(self._store, marks):
            with suppress(JudgeCallError):  # of this look; the next one may succeed
                try:
                    await self._look_after(submission, provider)
                except JudgeStoppedError as error:
                    self.reason, self._refused = str(error), True

    async def _look_after(self, submission: Submission, provider: BatchProvider) -> None:
        collector = Collector(
            submission,
            provider,
            self._ledger,
            self._journal,
            self._wanted,
            self._judge,
            self._rubric,
        )
        batch_id = submission.batch_id
        if submission.status == SUBMITTING:
            batch_id = await self._adopted(submission, provider)
        if batch_id is None:
            return
        try:
            batch = await provider.retrieve(batch_id)
        except GoneError:
            collector.forget()
            return
        if batch.ended:
            await collector.collect(batch)
            self.reason = self.reason or collector.stopped

    async def _adopted(self, submission: Submission, provider: BatchProvider) -> str | None:
        """The id of a batch whose submission was cut off; null if there is none, or not yet."""
        found = await provider.find(submission.mark, submission.created_at)
        if not found:
            self._ledger.release(submission.mark, expired_only=True)
            return None
        ours = self._ledger.opened(submission.mark, found[0])
        for surplus in found:
            if surplus != ours:
                await self._cancel(surplus, provider)
        return ours

    async def _cancel(self, batch_id: str, provider: BatchProvider) -> None:
        with suppress(JudgeCallError):  # it has ended already
            await provider.cancel(batch_id)

    def _missing(self) -> list[Unit]:
        """Units to submit now."""
        claims = self._claims()
        missing = []
        for key, unit in self._wanted.items():
            claim = claims.get(key)
            if key in self._answers or key in self._failed or (claim and claim.status == OPEN):
                continue
            if claim and claim.status == FAILED and key in self._seen:
                self._failed[key] = claim.error or "failed"
            elif claim is None and self._submitted[key] >= SUBMISSIONS:
                self._failed[key] = f"its batches expired, {SUBMISSIONS} in a row"
            else:
                missing.append(unit)
        return missing

    async def _submit(self, provider: BatchProvider, stop: Stop) -> None:
        """Submit what is missing, in as many batches as it takes."""
        units = deque(self._missing())
        while units and self.reason is None:
            with TemporaryDirectory() as folder:
                path = Path(folder) / "batch.jsonl"
                part = write_part(path, units, self._judge, self._rubric)
                try:
                    await self._submit_part(path, part, provider, stop)
                except JudgeStoppedError as error:
                    self.reason = str(error)
                except JudgeCallError as error:
                    self._failed.update((unit.key, str(error)) for unit in part)

    async def _submit_part(
        self, path: Path, part: Sequence[Unit], provider: BatchProvider, stop: Stop
    ) -> None:
        """Claim, upload, create, note: at each step the store knows enough to go on from there."""
        mark = uuid.uuid4().hex
        claimed = self._claim(mark, part)
        if not claimed:
            return
        if len(claimed) < len(part):  # another process was faster with some
            write_part(path, deque(claimed), self._judge, self._rubric)
        try:
            file_id = await stop.unless(provider.upload(path))
        except BaseException:
            self._ledger.release(mark)  # no batch was asked for
            raise
        if not self._ledger.renew(mark, self._pace.lease):
            return  # the upload took so long that others gave it up
        try:
            batch_id = await provider.create(file_id, mark)
        except UncertainError:
            return  # the next look finds the batch, or gives it up
        except (JudgeCallError, JudgeStoppedError):
            self._ledger.release(mark)
            raise
        self._submitted.update(unit.key for unit in claimed)
        if self._ledger.opened(mark, batch_id) != batch_id:
            await self._cancel(batch_id, provider)  # others gave it up, or found a twin

    def _claim(self, mark: str, part: Sequence[Unit]) -> list[Unit]:
        """The units that this run alone may submit."""
        keys = self._ledger.claim(mark, [unit.key for unit in part], self._pace.lease)
        # An answer that came since we looked is in the journal before its unit can be claimed.
        known = self._journal.known(keys)
        self._answers.update(known)
        self._ledger.settle(mark, done=known)
        claimed = [unit for unit in part if unit.key in keys - known.keys()]
        if not claimed:
            self._ledger.release(mark)
        return claimed
