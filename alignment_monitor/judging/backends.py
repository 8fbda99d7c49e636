"""How a judge is reached: the ``openai`` client, for any server that speaks its protocol.

Here belong: one class for each kind of endpoint, and what an error of it means. Retries,
back-off and Retry-After are the client's.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from typing import Any

from alignment_monitor.judging.answer import answer_schema
from alignment_monitor.judging.prompt import prompt_hash
from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.settings import SIMULATED_MODEL, Judge, Judging


class JudgeStoppedError(Exception):
    """This judge cannot answer at all: its key, quota or model is refused."""


class JudgeCallError(Exception):
    """This call failed for good; others may succeed."""


@dataclass(frozen=True)
class Reply:
    """What a server answered.

    Attributes:
        text: the answer; null if the judge refused.
        model: model snapshot as the server names it.
        prompt_tokens: as counted by the server; null if it does not count.
        completion_tokens: likewise.
    """

    text: str | None
    model: str
    prompt_tokens: int | None
    completion_tokens: int | None


def judge_key(judge: Judge, rubric: Rubric, judging: Judging) -> str:
    """Hash of all that makes an answer this judge's: equal keys, interchangeable answers.

    How much context it is shown is part of it. The address of the server is not: a proxy or
    another port is the same judge.
    """
    window = [judging.context_messages, judging.max_context_characters]
    parts = [judge.provider, judge.model, "chat", prompt_hash(rubric), judge.temperature, *window]
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=8).hexdigest()


def fingerprint(judge: Judge, rubric: Rubric, judging: Judging, returned_model: str) -> str:
    """Provider, model as returned, endpoint and hash of prompt and parameters."""
    return f"{judge.provider}/{returned_model}/chat/{judge_key(judge, rubric, judging)}"


class StructuredBackend:
    """Chat completions with a JSON schema; any OpenAI-compatible server."""

    def __init__(self, judge: Judge, rubric: Rubric) -> None:
        import openai

        self._judge = judge
        base_url = judge.base_url or os.environ.get("OPENAI_BASE_URL")
        key = os.environ.get(judge.api_key_variable)
        if not key and not base_url:
            raise JudgeStoppedError(
                f"judge {judge.name!r} has no key: set {judge.api_key_variable}, or set "
                "OPENAI_BASE_URL to a compatible server that needs none"
            )
        self._client = openai.AsyncOpenAI(
            base_url=base_url,
            api_key=key or "none",
            max_retries=judge.max_retries,
            timeout=judge.timeout_seconds,
        )
        self._options: dict[str, Any] = {
            "model": judge.model,
            "max_completion_tokens": judge.max_output_tokens,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "verdict", "strict": True, "schema": answer_schema(rubric)},
            },
        }
        if judge.temperature is not None:
            self._options["temperature"] = judge.temperature

    async def ask(self, messages: list[dict[str, str]]) -> Reply:
        """One call.

        Raises:
            JudgeStoppedError: the key, the quota or the model is refused.
            JudgeCallError: the call failed after the client's retries, or was cut short.
        """
        import openai

        try:
            response = await self._client.chat.completions.create(
                messages=messages,  # type: ignore[arg-type]
                **self._options,
            )
        except openai.APIStatusError as error:
            refused = (401, 403, 404)
            if error.status_code in refused or error.code == "insufficient_quota":
                raise JudgeStoppedError(
                    f"judge {self._judge.name!r}: the server answered {error.status_code}"
                    f" ({error.code or error.type or 'no code'})"
                ) from error
            raise JudgeCallError(f"the server answered {error.status_code}") from error
        except (TimeoutError, openai.APIError, ValueError) as error:
            raise JudgeCallError(f"no answer: {type(error).__name__}") from error
        try:
            reply = _reply(response)
        except (AttributeError, TypeError) as error:  # 200, but a page or half an answer
            raise JudgeCallError("the server sent something other than a completion") from error
        if reply.model == SIMULATED_MODEL and not self._judge.simulated:
            raise JudgeStoppedError(
                f"judge {self._judge.name!r} is not marked as simulated, but a simulated judge "
                "answers: run `alignment-monitor init --simulated-judge` in a home of its own"
            )
        return reply

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def _reply(response: Any) -> Reply:
    if not response.choices:
        raise JudgeCallError("the server sent no choice")
    choice, usage = response.choices[0], response.usage
    if choice.finish_reason == "length":
        raise JudgeCallError("the answer was cut at max_output_tokens")
    refused = choice.message.refusal or choice.finish_reason == "content_filter"
    if not refused and not choice.message.content:
        raise JudgeCallError("the answer was empty")
    return Reply(
        text=None if refused else choice.message.content,
        model=response.model or "",
        prompt_tokens=usage.prompt_tokens if usage else None,
        completion_tokens=usage.completion_tokens if usage else None,
    )
