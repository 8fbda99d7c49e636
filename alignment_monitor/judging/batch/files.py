"""The lines of batch files: requests are written, results are read, each on its own.

Here belong: the provider's limits, the name of a line, and what a line of an output or error file
says. Here do not belong: verdicts (batch_collect) or the way of a file (batch_provider).
"""

import json
import re
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignment_monitor.judging.backends.base import JudgeCallError, Reply
from alignment_monitor.judging.backends.client import (
    STOPPING_CODES,
    STOPPING_STATUSES,
    translated,
)
from alignment_monitor.judging.backends.structured import (
    chat_reply,
    request_body,
    responses_reply,
)
from alignment_monitor.judging.journal import Key
from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.judging.window import Unit
from alignment_monitor.settings import Judge

MAX_LINES = 50_000
MAX_BYTES = 200_000_000
"""What the Batch API takes in one file."""

EXPIRED_CODE = "batch_expired"
"""Of lines that were not executed in time: nobody was asked."""

_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True)
class Problem:
    """Why a line has no answer.

    Attributes:
        reason: in words, with the provider's code and never its message, which may quote a text.
        code: the provider's code.
        stops: it is the same for every call of this judge.
        answered: the judge did answer, if with something of no use.
    """

    reason: str
    code: str = ""
    stops: bool = False
    answered: bool = False


def custom_id(key: Key) -> str:
    """The name of a unit's line."""
    return ":".join(key)


def write_part(path: Path, units: deque[Unit], judge: Judge, rubric: Rubric) -> list[Unit]:
    """Write requests about as many units as one batch takes; those are taken from the queue."""
    taken: list[Unit] = []
    size = 0
    with path.open("wb") as file:
        while units and len(taken) < MAX_LINES:
            line = request_line(units[0], judge, rubric)
            size += len(line)
            if taken and size > MAX_BYTES:
                break
            file.write(line)
            taken.append(units.popleft())
    return taken


def request_line(unit: Unit, judge: Judge, rubric: Rubric) -> bytes:
    """One request, in ASCII: no other line break than the last."""
    request = {
        "custom_id": custom_id(unit.key),
        "method": "POST",
        "url": "/v1/responses" if judge.backend == "responses" else "/v1/chat/completions",
        "body": request_body(judge, rubric, unit),
    }
    return json.dumps(request).encode() + b"\n"


def read_line(line: bytes, judge: Judge) -> tuple[Key, Reply | Problem]:
    """What a line of an output or error file says of which unit.

    Raises:
        ValueError: it is no such line, or only a part of one.
    """
    given = json.loads(line)
    if not isinstance(given, dict) or not isinstance(name := given.get("custom_id"), str):
        raise ValueError("not a line of a batch")
    unit_hash, _, occasion = name.partition(":")
    return (unit_hash, occasion), _said(given, judge)


def code_of(error: Any) -> str:
    """The code in an error of the provider, else its type; 'no code' if it is none."""
    if isinstance(error, dict):
        for name in ("code", "type"):
            if isinstance(found := error.get(name), str) and _CODE.fullmatch(found):
                return found
    return "no code"


def _said(given: dict[str, Any], judge: Judge) -> Reply | Problem:
    response, error = given.get("response"), given.get("error")
    if not isinstance(response, dict):
        code = code_of(error)
        return Problem(f"the batch reports {code}", code, code in STOPPING_CODES)
    status, body = response.get("status_code"), response.get("body")
    if status != 200:
        code = code_of(body.get("error") if isinstance(body, dict) else None)
        stops = status in STOPPING_STATUSES or code in STOPPING_CODES
        number = status if isinstance(status, int) else "no status"
        return Problem(f"the server answered {number} ({code})", code, stops)
    try:
        return _reply(body, judge)
    except JudgeCallError as problem:
        return Problem(str(problem), answered=True)


def _reply(body: Any, judge: Judge) -> Reply:
    from openai.types.chat import ChatCompletion
    from openai.types.responses import Response

    # As lenient as the client is with the answer to a call: what is missing shows when it is used.
    with translated(judge):
        if judge.backend == "responses":
            return responses_reply(Response.construct(**body))
        return chat_reply(ChatCompletion.construct(**body))
