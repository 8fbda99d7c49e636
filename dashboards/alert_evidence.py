"""The evidence bundle of an alert as it is read on its page.

Here belongs: its parts as markup. Here does not belong: their words (alignment_monitor's
``alerting.bundle``) or what a bundle holds (``alerting.evidence``).
"""

from collections.abc import Mapping
from typing import Any

from components import link, text
from conversation import permalink
from reader import fact

from alignment_monitor.alerting.bundle import ARITHMETIC, REPLIES, parts

Told = Mapping[str, Any]


def evidence(told: Told) -> str:
    """A bundle as markup; empty if there is nothing in it but its sentence."""
    shown = dict(parts(told, text))
    if ARITHMETIC in shown:
        shown[ARITHMETIC] = [f"<code>{line}</code>" for line in shown[ARITHMETIC]]
    if told.get("exemplars"):
        shown[REPLIES] = [_replies(told["exemplars"])]
    return "".join(fact(name, "<br>".join(lines)) for name, lines in shown.items())


def _replies(exemplars: list[Told]) -> str:
    return " · ".join(
        link("conversations", permalink(one["conversation_id"], one["message_index"]), f"Read {n}")
        for n, one in enumerate(exemplars, 1)
    )
