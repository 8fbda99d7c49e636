"""What text the store, what is exported from it and a terminal can all carry.

Here belongs: which characters they cannot. Here does not belong: how long a text may be, or what is
said to whoever wrote it (whoever takes it).
"""

import unicodedata

_BREAKS = "\t\n\r"
_REFUSED = ("Cc", "Cs")


def uncarried(text: str) -> str | None:
    """The first character that not all of them can carry; null: there is none.

    Control characters but tabs and ends of lines: PostgreSQL refuses NUL, and a terminal would act
    on others. Lone surrogates, which stand for bytes that are no UTF-8: no database keeps them.

    Args:
        text: as a person or a file gave it.

    Returns:
        Its code point, as ``U+0000``: shown itself it might do what it must not.
    """
    for character in text:
        if unicodedata.category(character) in _REFUSED and character not in _BREAKS:
            return f"U+{ord(character):04X}"
    return None
