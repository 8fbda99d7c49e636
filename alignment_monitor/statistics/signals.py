"""Signals about the pipeline itself: was there anything to judge, and was it judged?

Here belong: rules on counts of outcomes. Here does not belong: anything about what judges said.
"""

from datetime import date

import numpy as np
import pandas as pd

from alignment_monitor.contracts import DRIFT_SIGNALS
from alignment_monitor.statistics.cells import day_of, shaped

SERIES = "PIPELINE/all/coverage/down"
ANSWERED = ("judged", "judged_partly", "judge_refused", "judge_invalid", "judge_failed")


def coverage_signals(
    states: pd.DataFrame,
    conversations: pd.DataFrame,
    *,
    from_day: date,
    to_day: date,
    minimum_judged_share: float = 0.8,
) -> pd.DataFrame:
    """Page for each day with nothing to judge, nothing judged, or too little of it judged.

    A day that only awaits a batch has no data yet, which pages nobody.

    Args:
        states: messages by day and final state: day, state, count.
        conversations: accepted conversations by day: day, accepted. A day that is absent, here or
            there, was empty.
        from_day: first day decided on.
        to_day: last day decided on.
        minimum_judged_share: of the messages with an outcome of judging, the share that must have
            been judged by every judge.

    Returns:
        Rows of ``DRIFT_SIGNALS``, one a day. ``observed`` is the judged share, null where there
        was nothing to judge.
    """
    days = pd.date_range(from_day, to_day)
    counts = _by_day(states, "count", states["state"], days)
    judged = counts.get("judged", pd.Series(0, days)).to_numpy()
    answered = counts.reindex(columns=list(ANSWERED), fill_value=0).sum(axis=1).to_numpy()
    waiting = counts.get("awaiting_verdict", pd.Series(0, days)).to_numpy()
    accepted = _by_day(conversations, "accepted", "accepted", days).sum(axis=1).to_numpy()

    something = (accepted > 0) & (answered + waiting > 0)
    share = np.where(something, judged / np.maximum(answered, 1), np.nan)
    blind = ~something | (judged == 0)
    # A batch that is on its way is no outage: when it does not come back, its units fail.
    coming = (waiting > 0) & (answered == 0)
    rows = pd.DataFrame(
        {
            "day": days.date,
            "phase": np.where(blind, "no_data", "watching"),
            "decision": np.where(
                (blind | (share < minimum_judged_share)) & ~coming, "PAGE", "NONE"
            ),
            "observed": share,
            "n": judged.astype(np.int64),
        }
    ).assign(
        series=SERIES,
        deployment_family="all",
        behaviour="coverage",
        direction="down",
        type="PIPELINE",
        version=1,
    )
    return shaped(rows, DRIFT_SIGNALS.schema.names)


def _by_day(
    frame: pd.DataFrame, count: str, columns: pd.Series | str, days: pd.DatetimeIndex
) -> pd.DataFrame:
    """Counts with a row for each day, 0 where there is none."""
    long = pd.DataFrame(
        {"day": day_of(frame["day"]), "column": columns, "count": frame[count]}, index=frame.index
    )
    wide = long.pivot_table(index="day", columns="column", values="count", aggfunc="sum")
    return wide.reindex(days).fillna(0)
