"""Libraries that log the addresses they connect to say nothing while a channel sends.

An address may be a secret: of Slack and of many others it is the only one. Here belongs nothing
else.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_LOGGERS = ("httpx2", "apprise", "urllib3.connectionpool", "urllib3.util.retry")
_sending: ContextVar[bool] = ContextVar("sending", default=False)


def _others(record: logging.LogRecord) -> bool:
    """What other threads and other callers of the same libraries log stays."""
    return not _sending.get()


@contextmanager
def quiet() -> Iterator[None]:
    """Within it these libraries' log records are dropped, of this thread or task alone."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_others)  # the same filter is added once
    token = _sending.set(True)
    try:
        yield
    finally:
        _sending.reset(token)
