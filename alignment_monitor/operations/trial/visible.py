"""Text of strangers, made safe to look at.

Here belongs: what a terminal or a page must not be handed as it is. Redaction and the defusing of
fences for a judge belong elsewhere.
"""

import unicodedata

from alignment_monitor.judging.prompt import neutralise

KEPT = frozenset("\n\t")
REPLACEMENT = "\ufffd"


def visible(text: str) -> str:
    """The text without what moves a cursor, colours a terminal, reorders or hides what is read."""
    text = neutralise(text.replace("\r\n", "\n"))
    if text.isprintable():
        return text
    return "".join(
        REPLACEMENT if unicodedata.category(sign) == "Cc" and sign not in KEPT else sign
        for sign in text
    )
