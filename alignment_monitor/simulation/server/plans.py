"""Plans that are written as a short text: ``rate_limit=0.05,timeout=0.02``.

Here belong: reading and writing such a text, and the draw by hash that makes a plan repeatable.
What a plan is about belongs beside this.
"""

import hashlib
from dataclasses import fields
from typing import Any, Self


class PlanError(ValueError):
    """A plan cannot be read or makes no sense; the message says what and what is possible."""


class TextPlan:
    """Base of frozen dataclasses whose fields are all numbers with defaults."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``name=number,name=number``; what is not named keeps its default.

        Raises:
            PlanError: an unknown name, a name twice, no number, or a number out of its range.
        """
        fields_of: Any = fields(cls)  # type: ignore[arg-type]
        known = {field.name: type(field.default) for field in fields_of}
        values: dict[str, Any] = {}
        for part in filter(None, map(str.strip, text.split(","))):
            name, _, number = (word.strip() for word in part.partition("="))
            if name not in known:
                raise PlanError(f"{name!r} is unknown; there are {', '.join(known)}")
            if name in values:
                raise PlanError(f"{name} is named twice")
            try:
                values[name] = known[name](number)
            except ValueError as error:
                raise PlanError(f"{name} needs a number, not {number!r}") from error
        return cls(**values)

    def __str__(self) -> str:
        """The text that ``parse`` reads back."""
        changed = (
            (field.name, value)
            for field in fields(self)  # type: ignore[arg-type]
            if (value := getattr(self, field.name)) != field.default
        )
        return ",".join(f"{name}={value!r}" for name, value in changed)


def require_shares(named: dict[str, float]) -> None:
    """Check that each is a share.

    Raises:
        PlanError: one is not within 0 and 1.
    """
    for name, share in named.items():
        if not 0 <= share <= 1:
            raise PlanError(f"{name} is a share between 0 and 1, not {share:g}")


def require_positive(named: dict[str, float]) -> None:
    """Check that each is a number that can be counted or waited for.

    Raises:
        PlanError: one is negative, infinite or no number.
    """
    for name, number in named.items():
        if not 0 <= number < float("inf"):
            raise PlanError(f"{name} is 0 or more, not {number:g}")


def draw(*parts: object) -> float:
    """A number strictly between 0 and 1 that looks random and depends on the parts alone."""
    digest = hashlib.blake2b(":".join(map(str, parts)).encode(), digest_size=8).digest()
    return ((int.from_bytes(digest) >> 12) + 0.5) / 2**52
