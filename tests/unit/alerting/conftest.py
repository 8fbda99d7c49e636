from datetime import date

import pyarrow as pa
import pytest

from alignment_monitor.contracts import DRIFT_SIGNALS
from alignment_monitor.store import open_store
from tests.fakes.signals import signal_row
from tests.fakes.stores import KINDS, new_store


@pytest.fixture(params=KINDS)
def engine(request, tmp_path):
    for url in new_store(request.param, tmp_path):
        engine = open_store(url)
        yield engine
        engine.dispose()


@pytest.fixture
def signal():
    """A row of drift_signals; by default a page for caving of aurora."""

    def build(day: date, decision: str = "PAGE", **changes):
        return signal_row("MODEL/aurora/caving/up", day, decision, **changes)

    return build


@pytest.fixture
def table():
    def build(rows) -> pa.Table:
        return DRIFT_SIGNALS.table(rows)

    return build
