import socket
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from alignment_monitor.alerting import dead_man
from alignment_monitor.settings import Alerts

NAME = "TEST_DEAD_MAN_URL"


@contextmanager
def service(status=200):
    """Takes pings; gives its address and the paths that were asked for."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args):
            return

        def do_GET(self):
            asked.append(self.path)
            self.send_response(status)
            self.send_header("location", "/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/ping/token", asked
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def ping(monkeypatch):
    def send(address):
        monkeypatch.setenv(NAME, address)
        return dead_man.ping(Alerts(dead_man_url_variable=NAME))

    return send


def test_a_ping_is_one_get_and_its_address_enters_no_log(ping, caplog):
    caplog.set_level("DEBUG")
    with service() as (address, asked):
        assert ping(address) is True
    assert "token" not in caplog.text
    assert asked == ["/ping/token"]


@pytest.mark.parametrize("status", [302, 404, 500])
def test_another_answer_fails_nothing_and_tells_no_address(ping, caplog, status):
    with service(status) as (address, asked):
        assert ping(address) is False
    assert asked == ["/ping/token"]  # no redirect was followed
    assert str(status) in caplog.text
    assert "token" not in caplog.text


@pytest.mark.parametrize(
    "address",
    [
        "", "ftp://x/token", "http://", "http://[token", "http://127.0.0.1:9/token",
        "http://a..b/token",
    ],
)  # fmt: skip
def test_what_cannot_be_reached_fails_nothing(ping, caplog, address):
    assert ping(address) is False
    assert NAME in caplog.text
    assert "token" not in caplog.text


def test_a_silent_service_is_not_waited_for(ping, monkeypatch):
    monkeypatch.setattr(dead_man, "TIMEOUT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        assert ping(f"http://127.0.0.1:{silent.getsockname()[1]}/") is False
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("head", "taken"),
    [(b"HTTP/1.1 200 OK\r\n\r\n", True), (b"HTTP/1.1 200 OK\r\n", False)],
    ids=["body", "head"],
)
def test_an_answer_without_an_end_is_not_waited_for(ping, monkeypatch, head, taken):
    monkeypatch.setattr(dead_man, "TIMEOUT_SECONDS", 0.5)

    def drip(server):
        with server.accept()[0] as connection, suppress(OSError):
            connection.sendall(head)
            for _ in range(100):
                connection.sendall(b"x: y\r\n")
                time.sleep(0.1)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=drip, args=(server,), daemon=True).start()
        began = time.monotonic()
        assert ping(f"http://127.0.0.1:{server.getsockname()[1]}/") is taken
    assert time.monotonic() - began < 5


def test_where_none_is_set_nothing_is_asked(caplog):
    assert dead_man.ping(Alerts()) is False
    assert caplog.text == ""
