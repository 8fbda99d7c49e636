"""The ``openai`` client of a judge, and what its errors mean to the engine.

Here belong: key and address, the policy for each error, and telling the limits of every 429.
Retries, back-off and Retry-After are the client's.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from alignment_monitor.judging.backends.base import (
    JudgeCallError,
    JudgeStoppedError,
    RateLimitedError,
)
from alignment_monitor.judging.limits import Limits
from alignment_monitor.settings import SIMULATED_MODEL, Judge

if TYPE_CHECKING:
    import openai

TOO_MANY = 429
STOPPING_STATUSES = (401, 403, 404)
STOPPING_CODES = ("insufficient_quota", "model_not_found", "invalid_api_key")
"""These are the same for every call: asking on would only repeat them."""


def open_client(judge: Judge, limits: Limits | None = None) -> "openai.AsyncOpenAI":
    """The client of a judge.

    Args:
        judge: its address and key variable.
        limits: told of every 429, also of those that the client retries by itself.

    Raises:
        JudgeStoppedError: neither a key nor a server that needs none is set.
    """
    import openai

    base_url = judge.base_url or os.environ.get("OPENAI_BASE_URL")
    key = os.environ.get(judge.api_key_variable)
    if not key and not base_url:
        raise JudgeStoppedError(
            f"judge {judge.name!r} has no key: set {judge.api_key_variable}, or set "
            "OPENAI_BASE_URL to a compatible server that needs none"
        )

    async def notice(response: Any) -> None:
        if response.status_code != TOO_MANY:
            return
        if _code(await response.aread()) in STOPPING_CODES:
            response.headers["x-should-retry"] = "false"  # the client would try a spent quota again
        elif limits:
            limits.throttled(_seconds(response.headers.get("retry-after")))

    return openai.AsyncOpenAI(
        base_url=base_url,
        api_key=key or "none",
        max_retries=judge.max_retries,
        timeout=judge.timeout_seconds,
        http_client=openai.DefaultAsyncHttpxClient(event_hooks={"response": [notice]}),
    )


@contextmanager
def translated(judge: Judge) -> Iterator[None]:
    """Turns the client's errors, once it has given up, into what the engine acts upon.

    Raises:
        JudgeStoppedError: the key, the quota or the model is refused.
        RateLimitedError: too many requests, beyond the client's own patience.
        JudgeCallError: this call failed or was answered with something else.
    """
    import openai

    try:
        yield
    except openai.APIStatusError as error:
        status, code = error.status_code, error.code or error.type or "no code"
        if status in STOPPING_STATUSES or error.code in STOPPING_CODES:
            message = f"judge {judge.name!r}: the server answered {status} ({code})"
            raise JudgeStoppedError(message) from error
        if status == TOO_MANY:
            wait = _seconds(error.response.headers.get("retry-after"))
            raise RateLimitedError("the server answered 429 to every attempt", wait) from error
        raise JudgeCallError(f"the server answered {status}") from error
    except (TimeoutError, openai.APIError, ValueError) as error:
        raise JudgeCallError(f"no answer: {type(error).__name__}") from error
    except (AttributeError, TypeError) as error:  # 200, but a page or half an answer
        raise JudgeCallError("the server sent something other than an answer") from error


def refuse_impostor(judge: Judge, model: str) -> None:
    """A simulated judge is never taken for a real one.

    Raises:
        JudgeStoppedError: it answered, but the settings do not say that it is simulated.
    """
    if model == SIMULATED_MODEL and not judge.simulated:
        raise JudgeStoppedError(
            f"judge {judge.name!r} is not marked as simulated, but a simulated judge "
            "answers: run `alignment-monitor init --simulated-judge` in a home of its own"
        )


def _code(body: bytes) -> str | None:
    try:
        code = json.loads(body)["error"]["code"]
    except (ValueError, KeyError, TypeError):
        return None
    return code if isinstance(code, str) else None


def _seconds(header: str | None) -> float | None:
    try:
        return max(0.0, float(header)) if header else None
    except ValueError:  # a date: the client reads those, we only pace ourselves
        return None
