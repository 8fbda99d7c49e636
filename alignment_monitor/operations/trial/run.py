"""Trying a judge on one conversation: how it is read, what is asked, what comes back.

Here belongs everything about a trial but its look (trial_screen). A trial is asked afresh each time
and leaves nothing behind: neither journal nor lake hears of it.
"""

import asyncio
import json
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alignment_monitor.judging.backends import (
    JudgeCallError,
    JudgeStoppedError,
    fingerprint,
    open_backend,
)
from alignment_monitor.judging.journal import Answer
from alignment_monitor.judging.limits import Limits
from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.judging.verdicts import verdict_rows
from alignment_monitor.judging.window import Unit, make_unit
from alignment_monitor.settings import Judge, Settings
from alignment_monitor.sources.base import RawConversation, RawMessage, RefusedError
from alignment_monitor.sources.files import read_file
from alignment_monitor.sources.gold import cleaned_turns
from alignment_monitor.sources.shapes import parse_record

RECORDS = (".jsonl", ".jsonl.gz", ".parquet", ".csv")
"""Files of records; anything else is read as JSON or, failing that, as lines of speech."""

_SPEAKER = re.compile(
    r"(user|human|assistant|ai|bot|model|system|tool)[ \t]*:[ \t]*", re.IGNORECASE
)
_COMMON = ("day", "conversation_id", "judge", "fingerprint", "rubric", "rubric_version")


class TrialError(ValueError):
    """A trial cannot be made; the message says why and what to do."""


@dataclass(frozen=True)
class Trial:
    """What came of a trial.

    Attributes:
        judge: who was asked.
        unit: about what, as it was shown.
        answer: what came back.
        seconds: how long it took.
        rows: the answer as rows of ``verdicts``, by question.
        fingerprint: of the answer.
    """

    judge: Judge
    unit: Unit
    answer: Answer
    seconds: float
    rows: dict[str, dict[str, Any]]
    fingerprint: str

    def as_json(self) -> dict[str, Any]:
        """All of it, for machines."""
        call = self.rows["stance"]
        return {
            "judge": self.judge.name,
            "model": self.answer.model or self.judge.model,
            "simulated": self.judge.simulated,
            "fingerprint": self.fingerprint,
            "rubric_version": call["rubric_version"],
            "message_index": self.unit.message_index,
            "status": self.answer.status,
            "error": self.answer.error,
            "latency_seconds": round(self.seconds, 3),
            "prompt_tokens": self.answer.prompt_tokens,
            "completion_tokens": self.answer.completion_tokens,
            "cost_usd": call["cost_usd"],
            "answer": self.answer.text,
            "verdicts": [
                {name: value for name, value in row.items() if name not in _COMMON}
                for row in self.rows.values()
                if self.answer.status == "ok"
            ],
        }


def read_talk(path: Path) -> RawConversation:
    """The conversation in a file, the first one if it holds several.

    Raises:
        TrialError: it holds none that can be read.
        SourceFileError: the file cannot be read at all.
    """
    if path.name.lower().endswith(RECORDS):
        record = next((record for _, record in read_file(path)), None)
        if record is None:
            raise TrialError(f"{path.name} is empty")
        return _parsed(record)
    try:
        return parse_talk(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise TrialError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise TrialError(f"{path.name} is not UTF-8 text") from error


def parse_talk(text: str) -> RawConversation:
    """A conversation from text: JSON of any shape that ``import`` knows, or lines of speech.

    Raises:
        TrialError: it is neither.
    """
    if not text.strip():
        raise TrialError("there is no conversation: the text is empty")
    try:
        value = json.loads(text)
    except ValueError:
        first = text.lstrip().splitlines()[0]
        return _parsed(json.loads(first)) if _is_object(first) else _spoken(text)
    if isinstance(value, list) and value and isinstance(value[0], dict):
        is_message = "role" in value[0] or "from" in value[0]
        value = {"messages": value} if is_message else value[0]
    if not isinstance(value, dict):
        raise TrialError(f"JSON, but a {type(value).__name__} and no conversation")
    return _parsed(value)


def make_trial_unit(raw: RawConversation, settings: Settings, message: int | None) -> Unit:
    """What is judged: the message named, else the assistant's last; redacted as in intake.

    Raises:
        TrialError: a rule of intake refuses it, or that message is not the assistant's.
    """
    try:
        turns = cleaned_turns(raw, settings)
    except RefusedError as error:
        raise TrialError(error.reason) from error
    offered = [turn["index"] for turn in turns if turn["role"] == "assistant"]
    if not offered:
        raise TrialError("nothing to judge: no message is the assistant's")
    if message is not None and message not in offered:
        said = ", ".join(map(str, offered))
        raise TrialError(
            f"message {message} is not the assistant's; counted from 0, these are {said}"
        )
    judging = settings.judging
    return make_unit(
        "trial",
        offered[-1] if message is None else message,
        turns,
        context_messages=judging.context_messages,
        max_tokens=judging.context_tokens,
    )


def try_judge(judge: Judge, unit: Unit, rubric: Rubric, settings: Settings) -> Trial:
    """Ask once, and take the answer as it is.

    Raises:
        TrialError: no answer came.
    """
    try:
        answer, seconds = asyncio.run(_asked(judge, unit, rubric))
    except (JudgeStoppedError, JudgeCallError) as error:
        raise TrialError(f"judge {judge.name!r} gave no answer: {error}") from error
    judging, day = settings.judging, datetime.now(UTC).date()
    rows = verdict_rows(day, [unit], {unit.key: answer}, judge, rubric, judging)
    return Trial(
        judge,
        unit,
        answer,
        seconds,
        {row["question"]: row for row in rows},
        fingerprint(judge, rubric, judging, answer.model or judge.model),
    )


async def _asked(judge: Judge, unit: Unit, rubric: Rubric) -> tuple[Answer, float]:
    backend = open_backend(judge, rubric, Limits(1))
    try:
        began = time.monotonic()
        reply = await backend.ask(unit)
        return backend.read(reply, unit), time.monotonic() - began
    finally:
        await backend.close()


def _parsed(record: Any) -> RawConversation:
    try:
        if isinstance(record, RefusedError):
            raise record
        return parse_record(record)
    except RefusedError as error:
        raise TrialError(error.reason) from error


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _spoken(text: str) -> RawConversation:
    """Lines that begin with a speaker and a colon; the others go on with the message before."""
    messages: list[RawMessage] = []
    for line in text.splitlines():
        if begun := _SPEAKER.match(line):
            messages.append(RawMessage(begun.group(1), line[begun.end() :]))
        elif messages:
            messages[-1].content += f"\n{line}"
        elif line.strip():
            raise TrialError(
                "neither JSON nor lines of speech: begin each message with 'user:' or 'assistant:'"
            )
    for message in messages:
        message.content = message.content.strip()
    return RawConversation("trial", messages)
