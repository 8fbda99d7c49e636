"""Progress of long steps, told to whoever listens: the terminal of a command, or nobody."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Listener = Callable[[str, int, int], None]
_listeners: list[Listener] = []


def report(step: str, done: int, total: int) -> None:
    """Tell the listeners that ``done`` of ``total`` pieces of a step are finished."""
    for listener in _listeners:
        listener(step, done, total)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Hear of all progress inside the block."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
