import os
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment_monitor.privacy.redaction import redact

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7\nq83=\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mail bob.smith+x@example.co.uk.", "mail [EMAIL]."),
        ("<a@example.com>,b@example.org", "<[EMAIL]>,[EMAIL]"),
        ("call (212) 555-0187 now", "call [PHONE] now"),
        ("415.555.2671 or +1 415-555-2671", "[PHONE] or [PHONE]"),
        ("+44 20 7946 0958", "[PHONE]"),
        ("my cell is 2125550187", "my cell is [PHONE]"),
        ("+44 20 7946 0958\n2024 was good", "[PHONE]\n2024 was good"),
        ("4111 1111 1111 1111, a@example.com", "[CREDIT_CARD], [EMAIL]"),
        ("SSN 123-45-6789.", "SSN [SSN]."),
        ("card 4111 1111 1111 1111, thanks", "card [CREDIT_CARD], thanks"),
        ("378282246310005 is an Amex", "[CREDIT_CARD] is an Amex"),
        ("from 203.0.113.7:8080", "from [IP_ADDRESS]:8080"),
        ("from 2001:db8:85a3::8a2e:370:7334", "from [IP_ADDRESS]"),
        ("key sk-proj-abcdefghijk1234567890", "key [API_KEY]"),
        ("sk-ant-api03-AAAAbbbbccccdddd1111-x", "[API_KEY]"),
        ("AWS_KEY=AKIAIOSFODNN7EXAMPLE", "AWS_KEY=[API_KEY]"),
        ("ghp_" + "a1" * 18, "[API_KEY]"),
        ("xoxb-123456789012-abcdef", "[API_KEY]"),
        ("sk_live_abcdefghijklmnop1234", "[API_KEY]"),
        ("Authorization: Bearer abcdef1234567890abcdef==", "Authorization: Bearer [API_KEY]"),
        (f"token {JWT} end", "token [API_KEY] end"),
        (f"{PEM} after", "[PRIVATE_KEY] after"),
        (PEM[:49], "[PRIVATE_KEY]"),
    ],
)
def test_personal_data_and_secrets_are_replaced_by_what_they_are(text, expected):
    assert redact(text) == (expected, expected.count("["))


@pytest.mark.parametrize(
    "text",
    [
        "On 2024-03-12, at 12:30:45, I paid $1,299.99 for 2 of them; that was in the year 1999.",
        "Version 1.2.3.4 follows v2.10.3.1 and release 10.1.2.3; see section 1.2.3.4.5.",
        "2**31 - 1 = 2147483647 and 2**32 = 4294967296, so c = 299792458 m/s fits.",
        "pi is 3.14159265358979 and e 2.7182818284, or 0.2345678901 of it",
        "1700000000 seconds, or 1700000000000 milliseconds",
        "ZIP 90210, room 12345, 100,000 people, +100000 a year, 5551234",
        "ISBN 978-3-16-148410-0, order 123456789, card 4111 1111 1111 1112",
        "std::vector<a::b> x = y[1:2:3]; localhost is 127.0.0.1:8000, the mask 0.0.0.0",
        "200\n300\n4000",
        "sk-learn-style-estimators-are-fine, as is a bearer of internationalization",
        "@decorator def f(self): return a @ b",
        "<script>alert(1)</script> | '; DROP TABLE users; -- =HYPERLINK(1)",
        "שלום עולם 👩‍👩‍👧 Größe ١٢٣٤٥٦٧٨٩",
    ],
)
def test_ordinary_text_is_left_alone(text):
    assert redact(text) == (text, 0)


PIECES = [
    *("a@example.com", "212-555-0187", "(212) 555-0187", "+44 20 7946 0958", "123-45-6789"),
    *("4111 1111 1111 1111", "4111111111111111", "203.0.113.7", "2001:db8::1:2:3"),
    *("sk-abcdefghijk1234567890", "AKIAIOSFODNN7EXAMPLE", "bearer abcdef1234567890abcdef"),
]
BETWEEN = [" ", ", ", ". ", "; ", "\n", "'", '"', "|", "<", ")"]


@given(st.lists(st.tuples(st.sampled_from(BETWEEN), st.sampled_from(PIECES)), max_size=4))
def test_no_piece_hides_behind_another(pieces):
    text, count = redact("".join(between + piece for between, piece in pieces) + " end")
    assert count == len(pieces)
    assert not any(piece.split()[-1] in text for piece in PIECES)


@given(st.text(max_size=300))
def test_any_text_can_be_redacted(text):
    redacted, count = redact(text)
    assert (redacted == text) == (count == 0)


@given(st.text(alphabet="ab ,.\n", max_size=60), st.text(alphabet="ab ,.\n", max_size=60))
def test_what_stands_around_a_secret_stays(before, after):
    text, count = redact(f"{before} AKIAIOSFODNN7EXAMPLE {after}")
    assert (text, count) == (f"{before} [API_KEY] {after}", 1)


@pytest.mark.parametrize(
    "piece", ["lorem 2024 ipsum ", "=", "a@", "1 ", "1.", "1:", "sk-", "eyJ-", "bearer ", "x@a."]
)
def test_time_is_linear_in_the_text_whatever_it_says(piece):
    def seconds(length: int) -> float:
        text = piece * (length // len(piece)) + "@x.com"
        start = time.process_time()
        redact(text)
        return time.process_time() - start

    # Quadratic steps take a hundred times as long for ten times the text: minutes here.
    assert seconds(2_000_000) < 40 * max(seconds(200_000), 0.05)


def test_a_message_of_ten_megabytes_is_redacted():
    text, count = redact("word " * 2_000_000 + "a@example.com")
    assert (text[-12:], count) == ("word [EMAIL]", 1)


def test_short_texts_are_fast():
    texts = [
        f"In {n} I asked how the moon moves the sea, and you said no. " * 4 for n in range(2000)
    ]
    start = time.process_time()
    for text in texts:
        redact(text)
    assert time.process_time() - start < 2000 / 4000  # several times this on an idle core


def test_nothing_is_sent_or_printed():
    code = (
        "import socket\n"
        "def refuse(*_): raise AssertionError('network')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "from alignment_monitor.privacy.redaction import redact\n"
        "assert redact('a@example.com')[1] == 1\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "DATAFOG_TELEMETRY": "1"},
        check=True,
    )
    assert done.stdout + done.stderr == ""
