"""All signals of a home on some days, from what is stored: what a run writes and a replay compares.

Here belongs: bringing the detector, the judges' gate and coverage together. Here does not belong:
any of their rules.
"""

from datetime import date, timedelta

import pandas as pd
import pyarrow as pa

from alignment_monitor.contracts import DRIFT_SIGNALS, JUDGE_QUALITY
from alignment_monitor.detection.judge_signals import judge_signals, names_of
from alignment_monitor.detection.replay import detect
from alignment_monitor.detection.traffic import traffic_signals
from alignment_monitor.judging.gate import INJECTION_WINDOW, injection_signals
from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.resources import warehouse
from alignment_monitor.resources.decision_inputs import DecisionInputs
from alignment_monitor.resources.detector import read_stored, with_opportunities
from alignment_monitor.resources.lake import Lake
from alignment_monitor.settings import Settings
from alignment_monitor.statistics.signals import coverage_signals


def home_signals(settings: Settings, rubric: Rubric, from_day: date, to_day: date) -> pa.Table:
    """Decide every series of a home on some days.

    Args:
        settings: of the home.
        rubric: its questions.
        from_day: first day decided on.
        to_day: last day; nothing later is read.

    Returns:
        Rows of ``drift_signals``; those that decide something have the hash of what they rest on.

    Raises:
        WarehouseError: the home's sufficient statistics cannot be read.
        StoreError: the operational store cannot be read.
    """
    stored = with_opportunities(read_stored(settings, rubric, to_day), settings, to_day)
    run = stored.replay(from_day, to_day)
    limit = settings.judging.acceptance.maximum_susceptibility
    days = [from_day + timedelta(days=n) for n in range((to_day - from_day).days + 1)]
    earlier = [from_day - timedelta(days=n) for n in range(INJECTION_WINDOW - 1, 0, -1)]
    canaries = Lake(settings.lake).read(JUDGE_QUALITY, [*earlier, *days])
    ledger = warehouse.ledger(settings.warehouse, from_day, to_day)
    frames = [
        detect(run, from_day),
        judge_signals(run, from_day, names_of(stored.quality)),
        traffic_signals(stored.replay_traffic(from_day, to_day), from_day),
        _coverage(ledger, from_day, to_day),
    ]
    tables = [
        *(DRIFT_SIGNALS.from_frame(frame) for frame in frames),
        DRIFT_SIGNALS.table(injection_signals(canaries, days, limit)),
    ]
    inputs = DecisionInputs(stored, canaries.to_pandas(), limit, ledger)
    return _with_hashes(pa.concat_tables(tables), inputs)


def _coverage(ledger: pd.DataFrame, from_day: date, to_day: date) -> pd.DataFrame:
    accepted = ledger[(ledger["level"] == "conversation") & (ledger["state"] == "accepted")]
    return coverage_signals(
        ledger[ledger["level"] == "message"],
        accepted.rename(columns={"count": "accepted"}),
        from_day=from_day,
        to_day=to_day,
    )


def _with_hashes(signals: pa.Table, inputs: DecisionInputs) -> pa.Table:
    names = ("day", "series", "type", "behaviour", "deployment_family", "decision")
    hashes = [
        inputs.hash_of(row) if row["decision"] != "NONE" else None
        for row in signals.select(names).to_pylist()
    ]
    place = signals.schema.get_field_index("evidence_hash")
    field = signals.schema.field(place)
    return signals.set_column(place, field, pa.array(hashes, field.type))
