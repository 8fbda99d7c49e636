"""The endpoints that judge: one request in, one answer or one fault out.

Here belong: the order in which request, plan, judge and delivery meet. Each of them belongs beside
this.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from alignment_monitor.simulation.server import wire
from alignment_monitor.simulation.server.connection import connection_of
from alignment_monitor.simulation.server.decisions import decide
from alignment_monitor.simulation.server.delivery import HTML, PROXY_PAGE, Reply, deliver
from alignment_monitor.simulation.server.errors import error_body, http_error
from alignment_monitor.simulation.server.faults import (
    NO_FAULTS,
    NO_LATENCY,
    TEXT_ALONE,
    Fault,
    FaultPlan,
    Latency,
)
from alignment_monitor.simulation.server.ledger import Entry, Ledger
from alignment_monitor.simulation.server.plans import draw
from alignment_monitor.simulation.server.speech import Judged, speak
from alignment_monitor.simulation.server.wire import Asked, Endpoint, RequestError


@dataclass(frozen=True)
class Bench:
    """What every judging endpoint of a server shares.

    Attributes:
        answer: the judge.
        model: name it answers under.
        ledger: where requests are counted.
        seed: decides which request meets which fault.
        faults: how often which fault occurs.
        latency: how long an answer takes.
    """

    answer: Callable[[str], Judged]
    model: str
    ledger: Ledger
    seed: int = 0
    faults: FaultPlan = NO_FAULTS
    latency: Latency = NO_LATENCY


class JudgingEndpoint:
    """One of the judging endpoints, as an ASGI application."""

    def __init__(self, endpoint: Endpoint, bench: Bench) -> None:
        self._endpoint, self._bench = endpoint, bench
        self._read = wire.READERS[endpoint]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        bench = self._bench
        try:
            asked = self._read(json.loads(await Request(scope, receive).body()))
        except ClientDisconnect:
            return
        except ValueError as error:  # RequestError, or no JSON
            reason = str(error) if isinstance(error, RequestError) else "the body is not JSON"
            bench.ledger.rejected += 1
            await JSONResponse(error_body(reason), status_code=400)(scope, receive, send)
            return
        judged = bench.answer(asked.message)
        entry = bench.ledger.begin(self._endpoint, judged.key)
        sent, connection = False, connection_of(scope)
        try:
            fault = self._draw(entry, asked)
            reply = self._reply(entry, fault, asked, judged)
            pause = self._pause(entry) if reply.status < 400 else 0
            if pause and await connection.over(pause):
                await connection.hang_up()
                return
            entry.status = reply.status
            sent = await deliver(reply, fault, bench.faults, connection, send)
        finally:
            bench.ledger.end(entry, sent=sent)

    def _draw(self, entry: Entry, asked: Asked) -> Fault | None:
        plan, seed = self._bench.faults, self._bench.seed
        fault = plan.of(seed, entry.endpoint, entry.key, entry.attempt)
        if fault in TEXT_ALONE and entry.endpoint is Endpoint.DECISIONS:
            fault = None
        entry.fault = fault
        if not fault:
            names = (str(question.get("name")) for question in asked.questions)
            refused = (n for n in names if plan.refuses(seed, n, entry.key, entry.attempt))
            entry.refused = tuple(refused)
        return fault

    def _reply(self, entry: Entry, fault: Fault | None, asked: Asked, judged: Judged) -> Reply:
        bench = self._bench
        if error := http_error(fault, bench.faults):
            status, body, retry_after = error
            return Reply(status, _encoded(body), retry_after=retry_after)
        if fault is Fault.INVALID_BODY:
            return Reply(200, PROXY_PAGE, HTML)
        if entry.endpoint is Endpoint.DECISIONS:
            return Reply(200, _encoded(self._decision(entry, fault, asked, judged)))
        speech = speak(judged.text, fault)
        body_of = wire.chat_body if entry.endpoint is Endpoint.CHAT else wire.response_body
        return Reply(200, _encoded(body_of(bench.model, judged.key, asked, speech)))

    def _decision(
        self, entry: Entry, fault: Fault | None, asked: Asked, judged: Judged
    ) -> dict[str, Any]:
        refused = set(entry.refused)
        if fault is Fault.REFUSAL:
            refused = {str(question.get("name")) for question in asked.questions}
        answers = decide(json.loads(judged.text), asked.questions, refused)
        if fault is Fault.EMPTY:
            answers = []
        if fault is Fault.WRONG_SCHEMA:
            del answers[-1]
        return wire.decision_body(self._bench.model, asked, answers)

    def _pause(self, entry: Entry) -> float:
        bench = self._bench
        if not bench.latency.median:
            return 0
        return bench.latency.seconds(
            draw(bench.seed, "latency", entry.endpoint, entry.key, entry.attempt)
        )


def _encoded(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
