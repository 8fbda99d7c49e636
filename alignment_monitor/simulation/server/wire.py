"""The wire format of judging requests and their answers, as the OpenAI API defines them.

Here belong: reading the judged message out of a request to chat completions, responses or
decisions, and the JSON around an answer. What is answered, and what goes wrong on the way, belongs
beside this.
"""

import re
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from alignment_monitor.simulation.server.decisions import KINDS
from alignment_monitor.simulation.server.speech import Speech

_END = re.compile(r"^<<([0-9a-f]+) end>>\s+Judge message M(\d+)\.\s*\Z", re.MULTILINE)
"""Only the genuine last fence precedes the last line, so nothing within can pose as it."""


class Endpoint(StrEnum):
    """How a judged request arrives."""

    CHAT = "chat"
    RESPONSES = "responses"
    DECISIONS = "decisions"
    BATCH = "batch"


class RequestError(ValueError):
    """A request cannot be answered; the message says why."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A judging request.

    Attributes:
        message: text of the judged message.
        characters: length of all that was sent for reading.
        questions: those of a decisions request.
    """

    message: str
    characters: int
    questions: tuple[dict[str, Any], ...] = ()


def judged_message(prompt: str) -> str | None:
    """Text of the judged message in a judging prompt; None if the prompt is not one."""
    if not (end := _END.search(prompt)):
        return None
    nonce, index = end.groups()
    block = re.compile(
        rf"^<<{nonce} M{index} assistant>>\n(.*?)\n<<{nonce} ", re.DOTALL | re.MULTILINE
    )
    found = block.search(prompt)
    return found.group(1) if found else None


def read_chat(body: Any) -> Asked:
    """A chat completion request.

    Raises:
        RequestError: it is none, or none that a judge can answer.
    """
    return _asked(body, "messages", "chat completion")


def read_response(body: Any) -> Asked:
    """A responses request; its input is a text or messages.

    Raises:
        RequestError: it is none, or none that a judge can answer.
    """
    return _asked(body, "input", "responses")


def read_decision(body: Any) -> Asked:
    """A decisions request.

    Raises:
        RequestError: it is none, or none that a judge can answer.
    """
    asked = _asked(body, "input", "decisions")
    questions = body.get("questions")
    if not isinstance(questions, list) or not questions:
        raise RequestError("a decisions request needs questions")
    for question in questions:
        if not isinstance(question, dict) or question.get("type") not in KINDS:
            raise RequestError(f"the type of a question is one of {', '.join(sorted(KINDS))}")
        for kind, part, field in (("choice", "choices", "value"), ("score", "levels", "label")):
            options = question.get(part)
            if question["type"] == kind and not (_has_all(options, field) and options):
                raise RequestError(f"a {kind} question needs {part}, each with a {field}")
    return Asked(asked.message, asked.characters, tuple(questions))


READERS: dict[str, Callable[[Any], Asked]] = {
    Endpoint.CHAT: read_chat,
    Endpoint.RESPONSES: read_response,
    Endpoint.DECISIONS: read_decision,
}


def chat_body(model: str, key: str, asked: Asked, speech: Speech) -> dict[str, Any]:
    """A chat completion."""
    read, written = asked.characters // 4, len(speech.text) // 4
    content = None if speech.refusal else speech.text
    return {
        "id": f"chatcmpl-{key}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [
            {
                "index": 0,
                "finish_reason": "length" if speech.cut else "stop",
                "message": {"role": "assistant", "content": content, "refusal": speech.refusal},
                "logprobs": None,
            }
        ],
        "usage": {
            "prompt_tokens": read,
            "completion_tokens": written,
            "total_tokens": read + written,
        },
    }


def response_body(model: str, key: str, asked: Asked, speech: Speech) -> dict[str, Any]:
    """A response."""
    part: dict[str, Any] = {"type": "output_text", "text": speech.text, "annotations": []}
    if speech.refusal:
        part = {"type": "refusal", "refusal": speech.refusal}
    status = "incomplete" if speech.cut else "completed"
    return {
        "id": f"resp_{key}",
        "object": "response",
        "created_at": int(time.time()),
        "status": status,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if speech.cut else None,
        "instructions": None,
        "metadata": {},
        "model": model,
        "output": [
            {
                "id": f"msg_{key}",
                "type": "message",
                "role": "assistant",
                "status": status,
                "content": [part],
            }
        ],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": token_usage(asked.characters // 4, len(speech.text) // 4),
    }


def decision_body(model: str, asked: Asked, answers: Collection[dict[str, Any]]) -> dict[str, Any]:
    """A decision."""
    usage = token_usage(asked.characters // 4, len(answers))
    return {"answers": list(answers), "model": model, "usage": usage}


def token_usage(read: int, written: int) -> dict[str, Any]:
    """Token counts in the form of responses, decisions and batches."""
    return {
        "input_tokens": read,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": read + written,
    }


def _asked(body: Any, field: str, what: str) -> Asked:
    try:
        given = body[field]
        turns = [{"role": "user", "content": given}] if isinstance(given, str) else given
        texts = [(turn.get("role"), _text(turn.get("content", ""))) for turn in turns]
        prompt = next(text for role, text in reversed(texts) if role == "user")
    except (KeyError, TypeError, AttributeError, StopIteration) as error:
        raise RequestError(f"the body is not a {what} request with a user message") from error
    if body.get("stream"):
        raise RequestError("this server does not stream")
    if (message := judged_message(prompt)) is None:
        raise RequestError("the user message does not end with a fenced message to judge")
    if not message.isascii() and any("\ud800" <= character <= "\udfff" for character in message):
        raise RequestError("the message holds half of a character")
    instructions = body.get("instructions")
    extra = len(instructions) if isinstance(instructions, str) else 0
    return Asked(message, extra + sum(len(text) for _, text in texts))


def _text(content: Any) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(str(part.get("text", "")) for part in content)


def _has_all(options: Any, field: str) -> bool:
    return isinstance(options, list) and all(isinstance(o, dict) and field in o for o in options)
