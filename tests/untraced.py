"""Switch tracing off for what other tests cover already: it doubles the time of pages and runs."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def untraced() -> Iterator[None]:
    """Nothing in the block, nor any thread that it starts, counts for coverage.

    The mark ``no_cover`` of pytest-cov does the same, but not under xdist, where a second tracer
    of its own goes on.
    """
    tracer, hook = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)  # type: ignore[arg-type]
    try:
        yield
    finally:
        sys.settrace(tracer)
        threading.settrace(hook)  # type: ignore[arg-type]
