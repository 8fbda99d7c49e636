"""Which decision the evidence of an open alert names."""

from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest

from alignment_monitor.alerting.service import process_days
from alignment_monitor.resources.evidence import EvidenceReader

FIRST = {"day": "2026-11-01"}


@pytest.mark.parametrize(
    ("opened", "decision", "kept"),
    [
        ("UNRESOLVED", "PAGE", False),
        ("UNRESOLVED", "INDETERMINATE", False),
        ("UNRESOLVED", "UNRESOLVED", True),
        ("PAGE", "INDETERMINATE", True),
    ],
)
def test_it_is_the_one_that_raised_its_severity(engine, table, signal, opened, decision, kept):
    where = {"type": "JUDGE", "series": "JUDGE/judge/caving/up"}
    process_days(
        engine,
        table([signal(date(2026, 11, 1), opened, **where)]),
        evidence_for=lambda row: {"decided": FIRST},
        channels=[],
        now=datetime(2026, 11, 2, 2, tzinfo=UTC),
    )
    reader = EvidenceReader(SimpleNamespace(store=engine), date(2026, 11, 2))
    found = reader._first_decision(signal(date(2026, 11, 2), decision, **where))
    assert found == ({"decided": FIRST} if kept else {})
