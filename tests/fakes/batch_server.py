"""The judge server in this process, with a script between it and whoever asks.

What it serves is the real simulation; what a script adds are the accidents of a network and the
oddities of a provider: requests that are acted upon but not answered, files that break off.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn

from alignment_monitor.simulation.judge_server import build_app
from alignment_monitor.simulation.server.batches import BatchPlan
from alignment_monitor.simulation.server.faults import FaultPlan
from alignment_monitor.simulation.truth import Truth

Change = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Reply:
    """What is answered instead.

    Attributes:
        status: of the answer.
        body: of the answer.
        act: whether the server acts upon the request all the same.
    """

    status: int
    body: bytes = b"{}"
    act: bool = False


@dataclass(frozen=True)
class Cut:
    """The body breaks off after so many bytes."""

    after: int


Accident = Reply | Cut | Change | None


@dataclass
class BatchServer:
    """A server and what was asked of it.

    Attributes:
        script: (method, path, how often that was asked before) -> what goes wrong.
        requests: method and path of each request.
        url: base URL, while it runs.
    """

    script: Callable[[str, str, int], Accident] = lambda method, path, before: None
    requests: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""

    def count(self, method: str, path: str) -> int:
        """How many requests had this method and path; * for any rest of it."""
        start = path.removesuffix("*")
        return sum(
            asked == method and (one == path or (path != start and one.startswith(start)))
            for asked, one in self.requests
        )

    @property
    def batches(self) -> int:
        """How many batches it was asked to create."""
        return self.count("POST", "/v1/batches")

    @contextmanager
    def running(
        self, batch: str = "", faults: str = "", model: str = "judge-1", log: Path | None = None
    ) -> Iterator["BatchServer"]:
        """Serve on a free port while the block lasts."""
        app = build_app(
            Truth({}),
            model=model,
            faults=FaultPlan.parse(faults),
            batch=BatchPlan.parse(batch),
            request_log=log,
        )
        config = uvicorn.Config(
            self._with_accidents(app), port=0, log_level="critical", timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        try:
            while not server.started:
                thread.join(0.005)
            port = server.servers[0].sockets[0].getsockname()[1]
            self.url = f"http://127.0.0.1:{port}/v1"
            yield self
        finally:
            server.should_exit = True
            thread.join(10)

    def _with_accidents(self, app: Any) -> Any:
        async def served(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            asked = scope["method"], scope["path"]
            accident = self.script(*asked, self.requests.count(asked))
            self.requests.append(asked)
            if accident is None:
                await app(scope, receive, send)
                return
            if isinstance(accident, Reply):
                if accident.act:
                    await app(scope, receive, _ignored)
                await _send(send, accident.status, accident.body)
                return
            status, body = await _answer_of(app, scope, receive)
            if isinstance(accident, Cut):
                await _send(send, status, body[: accident.after], length=len(body))
                raise ConnectionAbortedError  # closes the connection
            await _send(send, status, accident(body))

        return served


async def _ignored(_message: Any) -> None:
    return


async def _answer_of(app: Any, scope: Any, receive: Any) -> tuple[int, bytes]:
    messages: list[Any] = []

    async def keep(message: Any) -> None:
        messages.append(message)

    await app(scope, receive, keep)
    return messages[0]["status"], b"".join(message.get("body", b"") for message in messages)


async def _send(send: Any, status: int, body: bytes, length: int | None = None) -> None:
    size = len(body) if length is None else length
    headers = [(b"content-type", b"application/json"), (b"content-length", str(size).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": size > len(body)})
