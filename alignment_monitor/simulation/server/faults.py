"""Scripted faults of a judge server: which request meets which, and how long an answer takes.

Here belong: the kinds of fault, their shares, the draw. How a fault looks on the wire belongs
beside this: ``errors`` of the HTTP kind, ``speech`` in the answer's text, ``delivery`` on the way.
"""

import math
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cached_property
from statistics import NormalDist

from alignment_monitor.simulation.server.plans import (
    PlanError,
    TextPlan,
    draw,
    require_positive,
    require_shares,
)

_P95 = NormalDist().inv_cdf(0.95)


class Fault(StrEnum):
    """What may happen to one request; each is a field of ``FaultPlan``."""

    RATE_LIMIT = "rate_limit"
    RATE_LIMIT_AFTER = "rate_limit_after"
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    TRUNCATED = "truncated"
    INVALID_BODY = "invalid_body"
    INVALID_JSON = "invalid_json"
    REFUSAL = "refusal"
    WRONG_SCHEMA = "wrong_schema"
    FENCED = "fenced"
    TRAILING_PROSE = "trailing_prose"
    SLOW_DRIP = "slow_drip"
    LENGTH = "length"
    EMPTY = "empty"
    DISCONNECT = "disconnect"
    INSUFFICIENT_QUOTA = "insufficient_quota"
    UNAUTHORISED = "unauthorised"
    FORBIDDEN = "forbidden"
    UNKNOWN_MODEL = "unknown_model"


IN_TEXT = frozenset(
    {
        Fault.INVALID_JSON,
        Fault.REFUSAL,
        Fault.WRONG_SCHEMA,
        Fault.FENCED,
        Fault.TRAILING_PROSE,
        Fault.LENGTH,
        Fault.EMPTY,
    }
)
"""Faults of the answer itself; all others are of HTTP."""
TEXT_ALONE = frozenset({Fault.INVALID_JSON, Fault.FENCED, Fault.TRAILING_PROSE, Fault.LENGTH})
"""Faults that only an answer written as text can have."""


@dataclass(frozen=True)
class FaultPlan(TextPlan):
    """How large a share of the requests meets which fault.

    Attributes:
        rate_limit: 429 without Retry-After.
        rate_limit_after: 429 with Retry-After.
        server_error: 500.
        timeout: no answer at all, until the client gives up.
        truncated: the body breaks off in the middle, and the connection with it.
        invalid_body: 200, but the body is the page of some proxy.
        invalid_json: the answer's text is nearly JSON, in Python's notation.
        refusal: the judge refuses (in decisions: every question).
        wrong_schema: the answer is JSON but not of the schema (in decisions: an answer is missing).
        fenced: the JSON stands in a code fence.
        trailing_prose: the JSON stands between sentences.
        slow_drip: the body arrives in small pieces over ``drip_seconds``.
        length: the answer is cut at the token limit, and says so.
        empty: the answer is empty.
        disconnect: the connection is closed without an answer.
        insufficient_quota: 429 whose code says that waiting is of no use.
        unauthorised: 401.
        forbidden: 403.
        unknown_model: 404 with code model_not_found.
        question_refusal: share of *questions* in decisions that are refused each on its own.
        retry_after_seconds: what Retry-After says.
        hang_seconds: after this ``timeout`` closes the connection by itself.
        drip_seconds: how long a body drips.
        only_first: faults meet only so many first attempts of a text; 0: any attempt.
    """

    rate_limit: float = 0.0
    rate_limit_after: float = 0.0
    server_error: float = 0.0
    timeout: float = 0.0
    truncated: float = 0.0
    invalid_body: float = 0.0
    invalid_json: float = 0.0
    refusal: float = 0.0
    wrong_schema: float = 0.0
    fenced: float = 0.0
    trailing_prose: float = 0.0
    slow_drip: float = 0.0
    length: float = 0.0
    empty: float = 0.0
    disconnect: float = 0.0
    insufficient_quota: float = 0.0
    unauthorised: float = 0.0
    forbidden: float = 0.0
    unknown_model: float = 0.0
    question_refusal: float = 0.0
    retry_after_seconds: float = 1.0
    hang_seconds: float = 600.0
    drip_seconds: float = 30.0
    only_first: int = 0

    def __post_init__(self) -> None:
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        counted = ("retry_after_seconds", "hang_seconds", "drip_seconds", "only_first")
        require_positive({name: named.pop(name) for name in counted})
        require_shares(named)
        named.pop("question_refusal")
        if (total := math.fsum(named.values())) > 1 + 1e-9:
            raise PlanError(f"the shares of all faults add up to {total:g}, more than 1")

    @cached_property
    def _steps(self) -> list[tuple[float, Fault]]:
        steps, top = [], 0.0
        for fault in Fault:
            if share := getattr(self, fault):
                steps.append((top := top + share, fault))
        if steps and math.isclose(top, 1):  # ten tenths are less than 1 in floating point
            steps[-1] = (1.0, steps[-1][1])
        return steps

    def of(self, seed: int, endpoint: str, key: str, attempt: int) -> Fault | None:
        """The fault that a request meets; the same one in every run."""
        if not self._steps or 0 < self.only_first < attempt:
            return None
        drawn = draw(seed, "fault", endpoint, key, attempt)
        return next((fault for top, fault in self._steps if drawn < top), None)

    def refuses(self, seed: int, question: str, key: str, attempt: int) -> bool:
        """Whether a question of a decisions request is refused on its own."""
        if not self.question_refusal or 0 < self.only_first < attempt:
            return False
        return draw(seed, "question", question, key, attempt) < self.question_refusal


@dataclass(frozen=True)
class Latency:
    """How long an answer takes: the same for all, or log-normal.

    Attributes:
        median: in milliseconds.
        p95: 95 % of the answers take at most this; null: all take the median.
    """

    median: float = 0.0
    p95: float | None = None

    def __post_init__(self) -> None:
        require_positive({"latency": self.median, "p95": self.p95 or 0})
        if self.p95 is not None and not 0 < self.median <= self.p95:
            raise PlanError("a log-normal latency needs a median above 0 and a p95 not below it")

    @classmethod
    def parse(cls, text: str) -> "Latency":
        """Read ``200`` or ``200/800``, in milliseconds; empty: none.

        Raises:
            PlanError: it is neither.
        """
        if not text.strip():
            return cls()
        median, slash, p95 = text.partition("/")
        try:
            return cls(float(median), float(p95) if slash else None)
        except PlanError:
            raise
        except ValueError as error:
            raise PlanError(f"a latency is 200 or 200/800 (milliseconds), not {text!r}") from error

    def __str__(self) -> str:
        """The text that ``parse`` reads back."""
        return f"{self.median!r}" if self.p95 is None else f"{self.median!r}/{self.p95!r}"

    def seconds(self, drawn: float) -> float:
        """How long the answer with this draw between 0 and 1 takes."""
        if self.p95 is None:
            return self.median / 1000
        spread = math.log(self.p95 / self.median) / _P95
        return self.median / 1000 * math.exp(spread * NormalDist().inv_cdf(drawn))


NO_FAULTS = FaultPlan()
NO_LATENCY = Latency()
