"""The lines of a batch: what is wrong with the input, and what each becomes in the output.

Here belong: checking an input file as the API does, and the lines of output and error file. When
a batch is worked off belongs beside this.
"""

import json
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from alignment_monitor.simulation.server import wire
from alignment_monitor.simulation.server.errors import error_body
from alignment_monitor.simulation.server.faults import IN_TEXT
from alignment_monitor.simulation.server.judging_api import Bench
from alignment_monitor.simulation.server.ledger import Entry
from alignment_monitor.simulation.server.plans import draw
from alignment_monitor.simulation.server.speech import speak
from alignment_monitor.simulation.server.wire import Endpoint, RequestError

MAX_LINES = 50_000
URLS = {"/v1/chat/completions": Endpoint.CHAT, "/v1/responses": Endpoint.RESPONSES}
SHOWN_ERRORS = 100
LINE_ERROR = "batch_error"

EXPIRED = {
    "code": "batch_expired",
    "message": "This request could not be executed before the completion window expired.",
}
CANCELLED = {
    "code": "batch_cancelled",
    "message": "This request was not executed because the batch was cancelled.",
}
TIMED_OUT = {"code": "request_timeout", "message": "This request timed out."}


@dataclass(frozen=True, slots=True)
class Line:
    """One request of a batch.

    Attributes:
        custom_id: the client's name for it.
        body: what is asked.
    """

    custom_id: str
    body: dict[str, Any]


@dataclass
class Outcome:
    """What the lines have become.

    Attributes:
        output: lines of the output file.
        errors: lines of the error file.
        entries: what the ledger is to be told: each answered line, and whether it has an answer.
        read: tokens read.
        written: tokens written.
    """

    output: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    entries: list[tuple[Entry, bool]] = field(default_factory=list)
    read: int = 0
    written: int = 0


def parse(content: bytes) -> Iterator[Line]:
    """The lines of an input file that has been checked."""
    for text in filter(None, map(bytes.strip, content.split(b"\n"))):
        line = json.loads(text)
        yield Line(line["custom_id"], line["body"])


def check(content: bytes, url: str) -> tuple[list[Line], list[dict[str, Any]]]:
    """The lines of an input file, and what makes it unfit for a batch."""
    lines: list[Line] = []
    problems: list[dict[str, Any]] = []
    seen: set[str] = set()
    models: Counter[str] = Counter()
    for number, text in enumerate(content.split(b"\n"), start=1):
        if not text.strip():
            continue
        found = _line(text, url)
        if isinstance(found, Line):
            model = str(found.body.get("model"))
            models[model] += 1
            if found.custom_id in seen:
                found = _problem("duplicate_custom_id", "The custom_id is a duplicate.")
            elif len(models) > 1:
                found = _problem("model_mismatch", "The model differs from that of line 1.")
        if isinstance(found, Line):
            seen.add(found.custom_id)
            lines.append(found)
        else:
            problems.append({**found, "line": number})
    if not lines and not problems:
        problems.append(_problem("empty_file", "The input file has no request."))
    if len(lines) > MAX_LINES:
        problems.append(_problem("too_many_tasks", f"More than {MAX_LINES} requests."))
    return lines, problems[:SHOWN_ERRORS]


def _line(text: bytes, url: str) -> Line | dict[str, Any]:
    try:
        given = json.loads(text)
    except ValueError:
        return _problem("invalid_json_line", "This line is not parseable as valid JSON.")
    if not isinstance(given, dict):
        return _problem("invalid_json_line", "This line is not a JSON object.")
    for name, kind in (("custom_id", str), ("method", str), ("url", str), ("body", dict)):
        if not isinstance(given.get(name), kind):
            return _problem("missing_required_parameter", f"{name} is missing.", name)
    if given["url"] != url or given["method"] != "POST":
        return _problem("url_mismatch", f"The requests of this batch are POST {url}.", "url")
    return Line(given["custom_id"], given["body"])


def _problem(code: str, message: str, param: str | None = None) -> dict[str, Any]:
    return {"code": code, "message": message, "param": param, "line": None}


class LineWorker:
    """Answers the lines of one batch."""

    def __init__(
        self, bench: Bench, endpoint: Endpoint, error_share: float, attempts: Counter[str]
    ) -> None:
        self._bench, self._endpoint = bench, endpoint
        self._error_share, self._attempts = error_share, attempts

    def work(self, lines: list[Line], done: int, otherwise: dict[str, str]) -> Outcome:
        """Answer some lines; the others share one error.

        Args:
            lines: all of the batch.
            done: how many are answered.
            otherwise: the error of those that are not.
        """
        outcome = Outcome()
        # A provider answers in an order of its own.
        shuffled = sorted(lines, key=lambda line: draw(self._bench.seed, "order", line.custom_id))
        for line in shuffled[:done]:
            self._answer(line, outcome)
        for line in shuffled[done:]:
            outcome.errors.append(_written(line, None, otherwise))
        return outcome

    def _answer(self, line: Line, outcome: Outcome) -> None:
        bench = self._bench
        try:
            asked = wire.READERS[self._endpoint](line.body)
        except RequestError as problem:
            outcome.errors.append(_written(line, (400, error_body(str(problem))), None))
            return
        judged = bench.answer(asked.message)
        self._attempts[judged.key] += 1
        attempt = self._attempts[judged.key]
        entry = Entry(Endpoint.BATCH, judged.key, attempt)
        identity = (bench.seed, "line", judged.key, attempt)
        if (drawn := draw(*identity)) < self._error_share:
            # The API words them in two ways, and so do we: HTTP errors have a response.
            error = (500, error_body("The server had an error.", kind="server_error"))
            as_response = drawn < self._error_share / 2
            entry.fault = LINE_ERROR
            entry.status = error[0] if as_response else None
            outcome.errors.append(
                _written(line, error, None) if as_response else _written(line, None, TIMED_OUT)
            )
            outcome.entries.append((entry, False))
            return
        fault = bench.faults.of(bench.seed, Endpoint.BATCH, judged.key, attempt)
        fault = fault if fault in IN_TEXT else None
        entry.fault, entry.status = fault, 200
        speech = speak(judged.text, fault)
        body_of = wire.chat_body if self._endpoint is Endpoint.CHAT else wire.response_body
        body = body_of(bench.model, judged.key, asked, speech)
        outcome.output.append(_written(line, (200, body), None))
        outcome.entries.append((entry, True))
        outcome.read += asked.characters // 4
        outcome.written += len(speech.text) // 4


def _written(
    line: Line, response: tuple[int, dict[str, Any]] | None, error: dict[str, str] | None
) -> str:
    name = uuid.uuid4().hex[:24]
    shown = None
    if response:
        shown = {"status_code": response[0], "request_id": f"req_{name}", "body": response[1]}
    written = {"id": f"batch_req_{name}", "custom_id": line.custom_id}
    return json.dumps({**written, "response": shown, "error": error}, ensure_ascii=False)
