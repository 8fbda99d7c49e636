"""Answers as JSON of a given schema: chat completions or responses, of any compatible server.

Here belong: the two requests and how their replies are read. A server that ignores the schema is
met by the lenient reading of ``answer``, which never guesses.
"""

from typing import Any

from alignment_monitor.judging.answer import InvalidAnswerError, answer_schema, parse_answer
from alignment_monitor.judging.backends.base import JudgeCallError, Reply
from alignment_monitor.judging.backends.client import open_client, refuse_impostor, translated
from alignment_monitor.judging.journal import Answer
from alignment_monitor.judging.limits import Limits
from alignment_monitor.judging.prompt import instructions, messages, normalise
from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.judging.window import Unit, estimate_tokens
from alignment_monitor.settings import Judge


class StructuredBackend:
    """Chat completions or responses with a JSON schema."""

    def __init__(self, judge: Judge, rubric: Rubric, limits: Limits | None = None) -> None:
        self._judge, self._rubric = judge, rubric
        self._client = open_client(judge, limits)
        self._fixed_tokens = judge.max_output_tokens + estimate_tokens(instructions(rubric))

    async def ask(self, unit: Unit) -> Reply:
        """One call; raises as ``client.translated``."""
        body = request_body(self._judge, self._rubric, unit)
        with translated(self._judge):
            if self._judge.backend == "responses":
                reply = responses_reply(await self._client.responses.create(**body))
            else:
                reply = chat_reply(await self._client.chat.completions.create(**body))
        refuse_impostor(self._judge, reply.model)
        return reply

    def read(self, reply: Reply, unit: Unit) -> Answer:
        """What a reply amounts to: ok, refused or invalid."""
        return read_reply(reply, self._rubric, unit)

    def tokens(self, unit: Unit) -> int:
        """Tokens that a call about a unit may take, answer included."""
        return self._fixed_tokens + sum(estimate_tokens(turn["content"]) for turn in unit.turns)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def request_body(judge: Judge, rubric: Rubric, unit: Unit) -> dict[str, Any]:
    """The body of one request, for a call of its own or a line of a batch."""
    schema = {"name": "verdict", "strict": True, "schema": answer_schema(rubric)}
    body: dict[str, Any] = {"model": judge.model, **judge.parameters}
    if judge.temperature is not None:
        body["temperature"] = judge.temperature
    if judge.backend == "responses":
        body["input"] = messages(rubric, unit)
        body["text"] = {"format": {"type": "json_schema", **schema}}
        body["max_output_tokens"] = judge.max_output_tokens
        body["store"] = False  # conversations of users are not left with the provider
    else:
        body["messages"] = messages(rubric, unit)
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
        body["max_completion_tokens"] = judge.max_output_tokens
    return body


def chat_reply(response: Any) -> Reply:
    """The reply in a chat completion.

    Raises:
        JudgeCallError: it holds no answer, or one that was cut short.
    """
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


def responses_reply(response: Any) -> Reply:
    """The reply in a response.

    Raises:
        JudgeCallError: it holds no answer, or one that was cut short.
    """
    if response.status == "incomplete" and response.incomplete_details.reason != "content_filter":
        raise JudgeCallError("the answer was cut at max_output_tokens")
    if response.status == "failed":
        raise JudgeCallError("the server reports a failed response")
    parts = [part for item in response.output if item.type == "message" for part in item.content]
    filtered = response.status == "incomplete"
    refused = filtered or any(part.type == "refusal" for part in parts)
    text = "".join(part.text for part in parts if part.type == "output_text")
    if not refused and not text:
        raise JudgeCallError("the answer was empty")
    usage = response.usage
    return Reply(
        text=None if refused else text,
        model=response.model or "",
        prompt_tokens=usage.input_tokens if usage else None,
        completion_tokens=usage.output_tokens if usage else None,
    )


def read_reply(reply: Reply, rubric: Rubric, unit: Unit) -> Answer:
    """What a reply amounts to: ok, refused or invalid."""
    status, error = "ok", None
    if reply.text is None:
        status, error = "refused", "the judge refused to answer"
    else:
        try:
            parse_answer(reply.text, rubric, unit.pieces, normalise)
        except InvalidAnswerError as problem:
            status, error = "invalid", str(problem)
    return Answer(
        status, reply.model, reply.text, reply.prompt_tokens, reply.completion_tokens, error
    )
