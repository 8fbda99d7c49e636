"""A real HTTP server that speaks chat completions, with scripted faults and a request count."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Script = Callable[[int, dict[str, Any]], tuple[int, dict[str, str], str]]


def completion(text: str, *, model: str = "judge-1", refusal: str | None = None) -> str:
    message = {"role": "assistant", "content": None if refusal else text, "refusal": refusal}
    return json.dumps(
        {
            "id": "c",
            "object": "chat.completion",
            "created": 0,
            "model": model,
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
        }
    )


class JudgeApi:
    """Answers by a script: (number of the request, its body) -> status, headers, body."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.requests: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    @contextmanager
    def running(self) -> Iterator[str]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: object) -> None:
                return

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with api._lock:
                    api.requests.append(body)
                    number = len(api.requests)
                status, headers, text = api.script(number, body)
                if status == 0:  # hang up in the middle
                    self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n{")
                    self.close_connection = True
                    return
                data = text.encode()
                self.send_response(status)
                for name, value in {"content-type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            server.shutdown()
            server.server_close()


def slowly(seconds: float) -> None:
    time.sleep(seconds)
