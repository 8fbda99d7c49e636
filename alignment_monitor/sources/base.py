"""What a source is: something that can be asked for the records of a day.

Here belong: the shapes that every source speaks. One module beside this for each kind of source.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

import pyarrow as pa


@dataclass(slots=True)
class RawMessage:
    """One message as a source has it."""

    role: str
    content: str
    created_at: datetime | None = None


@dataclass(slots=True)
class RawConversation:
    """One conversation as a source has it: not yet redacted, hashed or judged fit."""

    conversation_id: str
    messages: list[RawMessage]
    deployment: str | None = None
    deployment_family: str | None = None
    user_id: str | None = None
    segments: dict[str, str] = field(default_factory=dict)
    feedback: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None


class RefusedError(Exception):
    """A record cannot be accepted.

    Attributes:
        rule: short name of the rule that it breaks.
        reason: what is wrong and what to do, without the text of the conversation.
    """

    def __init__(self, rule: str, reason: str) -> None:
        super().__init__(f"{rule}: {reason}")
        self.rule = rule
        self.reason = reason


class Source(Protocol):
    """Where conversations come from."""

    name: str

    def read(self, day: date) -> pa.Table:
        """All records of a UTC day, understood or refused, as the table ``received``."""
        ...
