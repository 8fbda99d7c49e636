"""What the tests of this folder share: a home, commands, and a server that lists models."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from alignment_monitor.settings import load
from tests.pipeline import homes


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def cli(home):
    """Types a command; gives its exit code, and what it said as running text."""

    def type_in(*words, home=home, **environment):
        result = homes.invoke(*map(str, words), home=home, **environment)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result.exit_code, " ".join(result.output.split())

    return type_in


@pytest.fixture
def configured(home):
    """Writes monitor.yaml."""

    def write(text):
        home.mkdir(exist_ok=True)
        (home / "monitor.yaml").write_text(text, encoding="utf-8")
        return load(home)

    return write


@pytest.fixture
def models():
    """A real server that answers a request for its models with a status and a body."""

    @contextmanager
    def serve(status=200, body=None, kind="application/json"):
        text = body or json.dumps({"object": "list", "data": [{"id": "gpt-5-mini"}]})

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args):
                return

            def do_GET(self):
                data = text.encode()
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            server.shutdown()
            server.server_close()

    return serve
