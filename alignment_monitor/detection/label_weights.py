"""How much a label stands for: its verdict and its stratum among all that was judged on its day.

Here belong: shares of verdicts and strata on a day, weighted as rates are. Here does not belong:
what becomes of labels (``label_days``), or how strata are made (sampling.gold).
"""

import pandas as pd

OFFERED = 0.5
"""Judges hold a message to offer an opportunity, or an event to be there, from here on."""

STREAM_DAY = ["deployment_family", "behaviour", "rubric_version", "panel", "day"]


def with_flagged(judged: pd.DataFrame) -> pd.DataFrame:
    """Judged answers with ``flagged``, and by how much its share is above the mean verdict.

    That is ``above`` of the day and ``above_in_segment``, weighted as rates are. The share is of
    messages that labels may be of, the mean is the rate and so of all. It is zero where every
    verdict is yes or no, and a column all the same: what a row is must not depend on other days.
    """
    offered = judged["o"] >= OFFERED
    flagged = offered & (judged["y"] >= OFFERED * judged["o"])
    judged = judged.assign(flagged=flagged)
    size = judged["d"] * judged["o"]
    sums = judged.assign(
        size=size, said=judged["d"] * judged["y"], may=size * offered, seen=size * flagged
    )
    for name, by in (("above", STREAM_DAY), ("above_in_segment", [*STREAM_DAY, "segment"])):
        total = sums.groupby(by, dropna=False)[["size", "said", "may", "seen"]].transform("sum")
        judged[name] = total["seen"] / total["may"] - total["said"] / total["size"]
    return judged


def with_shares(judged: pd.DataFrame) -> pd.DataFrame:
    """Answers that labels may be of, with the share that their stratum has ``among`` their verdict.

    Both weighted as rates are; ``among_in_segment`` is that of the segment.
    """
    judged = judged[judged["o"] >= OFFERED]
    judged = judged.assign(queue_stratum=judged["queue_stratum"].fillna(""))
    for name, by in (("among", STREAM_DAY), ("among_in_segment", [*STREAM_DAY, "segment"])):
        verdict = judged.groupby([*by, "flagged"], dropna=False)["d"].transform("sum")
        alike = judged.groupby([*by, "flagged", "queue_stratum"], dropna=False)["d"]
        judged[name] = alike.transform("sum") / verdict
    return judged
