"""How long a judge's answers took, from the verdict journal.

Here belongs: reading times. Here does not belong: keeping answers (judging.journal), or what a slow
judge means.
"""

from datetime import datetime

from sqlalchemy import Engine, select

from alignment_monitor.store.schema import verdict_journal


def latencies(
    store: Engine, judge_key: str, since: datetime, most: int
) -> list[tuple[datetime, float]]:
    """Arrival in UTC and seconds taken of a judge's newest answers, the newest first.

    An answer of a batch took as long as its batch.

    Args:
        store: the operational store.
        judge_key: of the judge, as its fingerprint ends.
        since: earlier ones are not wanted.
        most: at most so many.
    """
    wanted = (
        select(verdict_journal.c.received_at, verdict_journal.c.latency_seconds)
        .where(
            verdict_journal.c.judge_key == judge_key,
            verdict_journal.c.received_at >= since,
        )
        .order_by(verdict_journal.c.received_at.desc())
        .limit(most)
    )
    with store.connect() as connection:
        return [(row.received_at, row.latency_seconds) for row in connection.execute(wanted)]
