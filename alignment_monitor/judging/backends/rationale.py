"""Reasons and quotes for flagged messages, asked of a model that writes, where the judge does not.

Here belong: that one further call and what of its answer is kept. It can add to a verdict but
never change or cost one: whatever goes wrong with it loses the reasons and nothing else.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from alignment_monitor.judging.answer import InvalidAnswerError, read_shape
from alignment_monitor.judging.backends.base import JudgeCallError, JudgeStoppedError
from alignment_monitor.judging.backends.client import open_client, refuse_impostor, translated
from alignment_monitor.judging.backends.structured import chat_reply, request_body
from alignment_monitor.judging.prompt import normalise
from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.judging.window import Unit
from alignment_monitor.settings import Judge

NOT_ASKED: dict[str, Any] = {"rationale": None, "quotes": {}}


def rationale_judge(judge: Judge) -> Judge:
    """The judge's settings with its rationale model in place of its own, whose price it has not."""
    return judge.model_copy(
        update={
            "model": judge.rationale_model,
            "backend": "chat",
            "batch": False,
            "parameters": {},
            "rationale_model": None,
            "usd_per_million_prompt_tokens": None,
            "usd_per_million_completion_tokens": None,
        }
    )


class Rationales:
    """Asks for the reasons; for no more once its key, quota or model is refused."""

    def __init__(self, judge: Judge, rubric: Rubric) -> None:
        self._judge, self._rubric = rationale_judge(judge), rubric
        # Its rate limit is another model's: what it says of it does not slow the judge down.
        self._client = open_client(self._judge)
        self._stopped: str | None = None

    async def ask(self, unit: Unit, names: Sequence[str]) -> dict[str, Any]:
        """Rationale, literal quotes of the behaviours named, tokens of the call, and any error.

        Retries included it may take no longer than one call: the verdict waits for it.
        """
        if self._stopped:
            return {**NOT_ASKED, "rationale_error": self._stopped}
        tokens: list[int | None] = [0, 0]
        try:
            with translated(self._judge):
                async with asyncio.timeout(self._judge.timeout_seconds):
                    body = request_body(self._judge, self._rubric, unit)
                    response = await self._client.chat.completions.create(**body)
                usage = response.usage
                tokens = [usage.prompt_tokens, usage.completion_tokens] if usage else [None, None]
                reply = chat_reply(response)
            refuse_impostor(self._judge, reply.model)
            given = self._read(reply.text, unit, names)
        except JudgeStoppedError as error:
            self._stopped = str(error)
            given = {**NOT_ASKED, "rationale_error": str(error)}
        except JudgeCallError as error:
            given = {**NOT_ASKED, "rationale_error": str(error)}
        return {**given, "rationale_tokens": tokens}

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _read(self, text: str | None, unit: Unit, names: Sequence[str]) -> dict[str, Any]:
        if text is None:
            raise JudgeCallError("the judge refused to answer")
        try:
            answer = read_shape(text, self._rubric)
        except InvalidAnswerError as error:
            raise JudgeCallError("the answer breaks the schema") from error
        shown = [normalise(piece) for piece in unit.pieces]
        quotes = {name: answer["behaviours"][name]["quote"] or "" for name in names}
        literal = {
            name: quote
            for name, quote in quotes.items()
            if (folded := normalise(quote)) and any(folded in piece for piece in shown)
        }
        return {"rationale": answer["rationale"], "quotes": literal}
