"""Which units are on their way in which batch: the store's side of the Batch API.

Here belong: claiming units for a batch, the lease of whoever submits it, and what is left to do of
it. Here do not belong: answers (journal), lines (batch_files) or the provider (batch_provider).

A batch is ``submitting`` from before its upload until its id is known, then ``open``; ``ended``
while answers wait for a run that has their units, and ``collected`` after that. One that was never
created is ``released``. A unit is ``open`` in one batch, to be asked ``again`` because its answer
was unusable, or has ``failed`` and waits for the next run; answered ones have no row.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    CursorResult,
    Engine,
    Row,
    bindparam,
    delete,
    func,
    insert,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from alignment_monitor.judging.journal import Answer, Key
from alignment_monitor.store.database import transaction
from alignment_monitor.store.schema import judge_batch_units, judge_batches

SUBMITTING, OPEN, ENDED, COLLECTED, RELEASED = (
    "submitting",
    "open",
    "ended",
    "collected",
    "released",
)
AGAIN, FAILED = "again", "failed"

_CHUNK = 500
_BATCHES, _UNITS = judge_batches, judge_batch_units
_UNIT = tuple_(_UNITS.c.unit_hash, _UNITS.c.occasion)


@dataclass(frozen=True)
class Claim:
    """A unit on its way.

    Attributes:
        mark: its batch.
        status: open, again or failed.
        unusable: how many answers were of no use so far.
        answer: the last of those, with the tokens of all.
        error: why it failed.
    """

    mark: str
    status: str
    unusable: int
    answer: Answer | None
    error: str | None


@dataclass(frozen=True)
class Submission:
    """A batch as the store knows it.

    Attributes:
        mark: our name for it, which goes with it as metadata.
        judge_key: whom it asks.
        status: submitting, open, ended, collected or released.
        batch_id: the provider's name for it; null until it is known.
        created_at: when it was claimed.
        lease_until: until then, nobody but its submitter may give it up.
    """

    mark: str
    judge_key: str
    status: str
    batch_id: str | None
    created_at: datetime
    lease_until: datetime


class BatchLedger:
    """Batches of one judge and rubric version.

    Args:
        engine: operational store.
        judge_key: whom is asked.
        rubric_version: with which wording.
    """

    def __init__(self, engine: Engine, judge_key: str, rubric_version: str) -> None:
        self._engine = engine
        self._judge = {"judge_key": judge_key, "rubric_version": rubric_version}
        self._ours = (_UNITS.c.judge_key == judge_key) & (_UNITS.c.rubric_version == rubric_version)

    def claim(self, mark: str, keys: Iterable[Key], lease: timedelta) -> set[Key]:
        """Take units for a new batch; those that are on their way already are not given."""
        now = datetime.now(UTC)
        dialect: Any = postgresql if self._engine.dialect.name == "postgresql" else sqlite
        taken: set[Key] = set()
        with transaction(self._engine) as connection:
            row = {"mark": mark, **self._judge, "status": SUBMITTING, "total": 0}
            connection.execute(
                insert(_BATCHES), {**row, "created_at": now, "lease_until": now + lease}
            )
            # In one order for all, so that two processes never wait for each other.
            for chunk in _chunks(sorted(keys)):
                claims = [
                    {**self._judge, "unit_hash": unit_hash, "occasion": occasion, "mark": mark}
                    for unit_hash, occasion in chunk
                ]
                wanted = dialect.insert(_UNITS).values([{**c, "status": OPEN} for c in claims])
                statement = wanted.on_conflict_do_update(
                    index_elements=list(_UNITS.primary_key),
                    set_={"mark": mark, "status": OPEN},
                    where=_UNITS.c.status != OPEN,
                ).returning(_UNITS.c.unit_hash, _UNITS.c.occasion)
                taken.update((key[0], key[1]) for key in connection.execute(statement))
        return taken

    def claims(self, keys: Iterable[Key]) -> dict[Key, Claim]:
        """Those of the units that are on their way, or failed."""
        found: dict[Key, Claim] = {}
        with self._engine.connect() as connection:
            for chunk in _chunks(list(keys)):
                query = select(_UNITS).where(self._ours, _UNIT.in_(chunk))
                found.update(map(_claim, connection.execute(query)))
        return found

    def held(self, mark: str) -> dict[Key, Claim]:
        """The units that wait for a batch."""
        query = select(_UNITS).where(self._ours, _UNITS.c.mark == mark, _UNITS.c.status == OPEN)
        with self._engine.connect() as connection:
            return dict(map(_claim, connection.execute(query)))

    def renew(self, mark: str, lease: timedelta) -> bool:
        """Prolong the lease; false if the batch was given up or found by somebody else."""
        return self._moved(mark, {"lease_until": datetime.now(UTC) + lease})

    def opened(self, mark: str, batch_id: str) -> str | None:
        """Note the id of a created batch; gives the id that counts, which may be another's."""
        inside = select(func.count()).where(_UNITS.c.mark == mark, _UNITS.c.status == OPEN)
        values = {"status": OPEN, "batch_id": batch_id, "total": inside.scalar_subquery()}
        self._moved(mark, values)
        return next((found.batch_id for found in submissions(self._engine, [mark])), None)

    def release(self, mark: str, *, expired_only: bool = False) -> bool:
        """Give up a batch that was not created: its units may be claimed anew.

        Args:
            mark: the batch.
            expired_only: it is another's, so only if its lease is over.
        """
        condition = (_BATCHES.c.mark == mark) & (_BATCHES.c.status == SUBMITTING)
        if expired_only:
            condition &= _BATCHES.c.lease_until < datetime.now(UTC)
        with transaction(self._engine) as connection:
            if not _set(connection, condition, status=RELEASED):
                return False
            ours = self._ours & (_UNITS.c.mark == mark) & (_UNITS.c.status == OPEN)
            paid = _UNITS.c.unusable > 0  # what was paid for their unusable answers is not lost
            connection.execute(update(_UNITS).where(ours, paid).values(status=AGAIN))
            connection.execute(delete(_UNITS).where(ours))
        return True

    def settle(
        self,
        mark: str,
        *,
        done: Iterable[Key] = (),
        failed: Mapping[Key, str] | None = None,
        again: Mapping[Key, Answer] | None = None,
    ) -> None:
        """Units of a batch that wait for it no longer; what is settled already stays as it is.

        Args:
            mark: the batch.
            done: answered and in the journal, or not executed at all.
            failed: why, by unit.
            again: unusable answers, with the tokens of all before them.
        """
        this = (
            self._ours
            & (_UNITS.c.unit_hash == bindparam("the_hash"))
            & (_UNITS.c.occasion == bindparam("the_occasion"))
            & (_UNITS.c.mark == mark)
            & (_UNITS.c.status == OPEN)
        )
        fail = update(_UNITS).where(this).values(status=FAILED, error=bindparam("why"))
        repeat = update(_UNITS).where(this)
        repeat = repeat.values(status=AGAIN, unusable=_UNITS.c.unusable + 1)
        with transaction(self._engine) as connection:
            _each(connection, delete(_UNITS).where(this), done, lambda key: {})
            _each(connection, fail, failed or {}, lambda key: {"why": (failed or {})[key]})
            _each(connection, repeat, again or {}, lambda key: _unusable((again or {})[key]))
            waiting = select(_UNITS.c.mark).where(_UNITS.c.mark == mark, _UNITS.c.status == OPEN)
            if connection.execute(waiting.limit(1)).first() is None:
                condition = (_BATCHES.c.mark == mark) & (_BATCHES.c.status == ENDED)
                _set(connection, condition, status=COLLECTED)

    def ended(
        self, mark: str, outcome: str, counts: tuple[int | None, int | None], error: str | None
    ) -> None:
        """Note how a batch ended; with the last unit that is settled, it is collected.

        Args:
            mark: the batch.
            outcome: the provider's status.
            counts: requests completed and failed, as the provider counts them.
            error: the provider's code, if it has one.
        """
        told = {"outcome": outcome, "completed": counts[0], "failed": counts[1], "error": error}
        condition = (_BATCHES.c.mark == mark) & (_BATCHES.c.status == OPEN)
        with transaction(self._engine) as connection:
            _set(connection, condition, status=ENDED, ended_at=datetime.now(UTC), **told)

    def _moved(self, mark: str, values: dict[str, Any]) -> bool:
        condition = (_BATCHES.c.mark == mark) & (_BATCHES.c.status == SUBMITTING)
        with transaction(self._engine) as connection:
            return _set(connection, condition, **values)


def submissions(engine: Engine, marks: Iterable[str]) -> list[Submission]:
    """Batches by their marks, oldest first."""
    columns = [_BATCHES.c[field.name] for field in fields(Submission)]
    found: list[Submission] = []
    with engine.connect() as connection:
        for chunk in _chunks(sorted(set(marks))):
            query = select(*columns).where(_BATCHES.c.mark.in_(chunk))
            found += [Submission(**row) for row in connection.execute(query).mappings()]
    return sorted(found, key=lambda one: (one.created_at, one.mark))


def _set(connection: Connection, condition: ColumnElement[bool], **values: Any) -> bool:
    result: CursorResult[Any] = connection.execute(
        update(_BATCHES).where(condition).values(**values)
    )
    return result.rowcount > 0


def _each(
    connection: Connection,
    statement: Any,
    keys: Iterable[Key],
    values: Callable[[Key], dict[str, Any]],
) -> None:
    rows = [{"the_hash": key[0], "the_occasion": key[1], **values(key)} for key in keys]
    if rows:
        connection.execute(statement, rows)


def _unusable(answer: Answer) -> dict[str, Any]:
    return {
        "returned_model": answer.model,
        "answer": answer.text,
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
        "error": answer.error,
    }


def _claim(row: Row[Any]) -> tuple[Key, Claim]:
    answer = None
    if row.unusable:
        tokens = row.prompt_tokens, row.completion_tokens
        answer = Answer("invalid", row.returned_model, row.answer, *tokens, row.error)
    claim = Claim(row.mark, row.status, row.unusable, answer, row.error)
    return (row.unit_hash, row.occasion), claim


def _chunks(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]
