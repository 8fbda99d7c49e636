"""SIGTERM and SIGINT while a run submits or waits for batches.

Here belongs: ending what may be cut off, and nothing else, when we are told to stop.
"""

import asyncio
import signal
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Self, TypeVar

from alignment_monitor.judging.engine import JudgingInterrupted

_T = TypeVar("_T")


class Stop:
    """Whether we were told to stop; make it in the event loop that it is for."""

    def __init__(self) -> None:
        self._told = asyncio.Event()

    @contextmanager
    def heard(self) -> Iterator[Self]:
        """While the block lasts, signals are noted; told twice, whatever runs is cut off.

        Raises:
            JudgingInterrupted: we were told twice.
        """
        if threading.current_thread() is not threading.main_thread():
            yield self  # signals are the main thread's; whoever runs us elsewhere has other means
            return
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def stop() -> None:
            if self._told.is_set() and task:
                task.cancel()
            self._told.set()

        before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        for number in before:
            loop.add_signal_handler(number, stop)
        try:
            yield self
        except asyncio.CancelledError:
            if not self._told.is_set():
                raise
            raise _interrupted() from None
        finally:
            for number, handler in before.items():
                loop.remove_signal_handler(number)
                signal.signal(number, handler)

    async def unless(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Do something that may be cut off at any point.

        Raises:
            JudgingInterrupted: we are told to stop, or were.
        """
        doing = asyncio.create_task(work)
        told = asyncio.create_task(self._told.wait())
        try:
            await asyncio.wait({doing, told}, return_when=asyncio.FIRST_COMPLETED)
            if self._told.is_set():
                raise _interrupted()
            return doing.result()
        finally:
            doing.cancel()
            told.cancel()
            await asyncio.wait({doing, told})


def _interrupted() -> JudgingInterrupted:
    return JudgingInterrupted("stopped while batches were on their way; the next run collects them")
