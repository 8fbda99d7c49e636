"""A real HTTP receiver of Standard Webhooks: verifies signatures, remembers ids, and can fail.

What it has understood is in ``seen``; every request, refused and repeated ones too, in
``requests``.
"""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@dataclass(frozen=True)
class Fault:
    """What goes wrong with a request.

    status: answered without having looked; hang_seconds: silence before the answer;
    drip_seconds: pause between the bytes of the answer; cut: understood, then half an answer;
    body_bytes: length of the answer.
    """

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    hang_seconds: float = 0
    drip_seconds: float = 0
    cut: bool = False
    body_bytes: int = 0


FINE = Fault()
Script = Callable[[int], Fault]


@dataclass
class Request:
    headers: dict[str, str]
    body: bytes


class WebhookReceiver:
    """Runs a script: number of the request, from 1 -> what goes wrong with it."""

    def __init__(self, script: Script = lambda number: FINE) -> None:
        self.script = script
        self.seen: list[dict[str, Any]] = []
        self.requests: list[Request] = []
        self.answered_bytes = 0
        self.arrived = threading.Event()
        self._ids: set[str] = set()
        self._lock = threading.Lock()

    @property
    def events(self) -> list[str]:
        return [payload["type"] for payload in self.seen]

    def accept(self, request: Request) -> int:
        """Verify, then take in what is new; the status to answer with."""
        try:
            payload = Webhook(SECRET).verify(request.body, request.headers)
        except WebhookVerificationError:
            return 401
        with self._lock:
            if (identity := request.headers["webhook-id"]) not in self._ids:
                self._ids.add(identity)
                self.seen.append(payload)
        return 204

    @contextmanager
    def running(self) -> Iterator[str]:
        """Serve on a free port; yields the address."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args: object) -> None:
                return

            def do_POST(self) -> None:
                receiver._handle(self)

            do_GET = do_POST

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/hook"
        finally:
            server.shutdown()
            server.server_close()

    def _handle(self, http: BaseHTTPRequestHandler) -> None:
        body = http.rfile.read(int(http.headers.get("content-length", 0)))
        request = Request({name.lower(): value for name, value in http.headers.items()}, body)
        with self._lock:
            self.requests.append(request)
            fault = self.script(len(self.requests))
        self.arrived.set()
        time.sleep(fault.hang_seconds)
        status = fault.status or self.accept(request)
        try:
            self._answer(http, status, fault)
        except OSError:
            return  # the sender has given up

    def _answer(self, http: BaseHTTPRequestHandler, status: int, fault: Fault) -> None:
        http.close_connection = True
        if fault.cut:
            http.wfile.write(b"HTTP/1.1 20")
            return
        if fault.drip_seconds:
            for byte in f"HTTP/1.1 {status} Dripping\r\ncontent-length: 0\r\n\r\n".encode():
                http.wfile.write(bytes([byte]))
                time.sleep(fault.drip_seconds)
            return
        if fault.body_bytes:
            self._flood(http, fault.body_bytes)
            return
        body = json.dumps({"note": "x" * 100_000}).encode() if status != 204 else b""
        http.send_response(status)
        for name, value in fault.headers.items():
            http.send_header(name, value)
        http.send_header("content-length", str(len(body)))
        http.end_headers()
        http.wfile.write(body)

    def _flood(self, http: BaseHTTPRequestHandler, length: int) -> None:
        http.send_response(200)
        http.send_header("content-length", str(length))
        http.end_headers()
        for _ in range(length // 100_000):
            http.wfile.write(b"x" * 100_000)
            self.answered_bytes += 100_000
