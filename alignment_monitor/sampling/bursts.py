"""Fresh messages to be labelled where a change is suspected: a burst.

Here belongs: the draw by verdict. Here does not belong: when a burst is asked for (detection.tiers)
or how labels count (detection.label_days).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from alignment_monitor.sampling.gold import (
    NEGATIVE,
    POSITIVE,
    GoldItem,
    JudgedMessage,
    number_of,
)

BURST = "burst"


@dataclass(frozen=True)
class Candidate:
    """A judged message that may be labelled.

    Attributes:
        message: the message.
        flagged: its verdict was an event.
    """

    message: JudgedMessage
    flagged: bool


def draw_burst(
    candidates: Sequence[Candidate], size: tuple[int, int], *, behaviour: str, key: str
) -> list[GoldItem]:
    """A simple random sample of so many messages with the event by verdict, and without.

    Drawn by random numbers of their own, which are those of no draw for estimates: else a burst
    would take the very messages that such a draw would.

    Args:
        candidates: fresh messages of one series that gave cause.
        size: of messages flagged, and of others; all of them where there are fewer.
        behaviour: what they are labelled for.
        key: key of the hash.
    """
    chosen: list[GoldItem] = []
    for flagged, wanted, name in ((True, size[0], POSITIVE), (False, size[1], NEGATIVE)):
        mine = [one.message for one in candidates if one.flagged is flagged]
        mine.sort(key=lambda message: number_of(message, key, BURST))
        share = min(1.0, wanted / len(mine)) if mine else 0.0
        chosen += [GoldItem(one, f"{name}|{behaviour}", share) for one in mine[:wanted]]
    return chosen
