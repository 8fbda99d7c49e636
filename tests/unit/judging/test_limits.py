import asyncio
import time

import pytest

from alignment_monitor.judging import limits as module
from alignment_monitor.judging.limits import Limits


async def run_calls(limits, count, seconds, tokens=1):
    """Calls in flight at each start, and when each began."""
    active, seen, began = 0, [], []

    async def call():
        nonlocal active
        await limits.admit(tokens)
        active += 1
        seen.append(active)
        began.append(time.monotonic())
        await asyncio.sleep(seconds)
        active -= 1
        limits.release(answered=True)

    await asyncio.gather(*(call() for _ in range(count)))
    return seen, began


def test_never_more_calls_than_allowed_are_in_flight():
    seen, _ = asyncio.run(run_calls(Limits(3), 30, 0.001))
    assert max(seen) == 3
    assert len(seen) == 30


def test_requests_a_minute_are_spread_evenly():
    _, began = asyncio.run(run_calls(Limits(50, requests_per_minute=1200), 60, 0))
    # 20 a second: a second's worth at once, then the rest at that pace
    assert began[-1] - began[0] == pytest.approx(2.0, abs=0.5)


def test_tokens_a_minute_are_kept():
    limits = Limits(50, tokens_per_minute=60_000)
    _, began = asyncio.run(run_calls(limits, 17, 0, tokens=2000))
    # the bucket holds 32,000; the next call waits until its 2,000 have come back
    assert began[15] - began[0] < 1
    assert began[16] - began[0] >= 1.9


def test_a_call_that_asks_for_more_tokens_than_a_minute_has_is_not_stuck():
    seen, _ = asyncio.run(run_calls(Limits(2, tokens_per_minute=1000), 1, 0, tokens=10**6))
    assert seen == [1]


def test_a_refusal_halves_the_concurrency_and_answers_bring_it_back():
    async def scenario():
        limits = Limits(16)
        limits.throttled(0.05)
        limits.throttled(0.05)  # of the same moment: one refusal
        assert (limits.allowed, limits.throttles) == (8, 1)
        began = time.monotonic()
        seen, _ = await run_calls(limits, 8, 0.001)
        assert time.monotonic() - began >= 0.05
        assert max(seen) <= 9
        await run_calls(limits, 400, 0)
        return limits.allowed

    assert asyncio.run(scenario()) == 16


def test_it_never_falls_below_one_call():
    async def scenario():
        limits = Limits(4)
        for _ in range(8):
            limits.throttled(0.0)
            await asyncio.sleep(0.001)
        seen, _ = await run_calls(limits, 3, 0)
        return limits.throttles, len(seen)

    throttles, done = asyncio.run(scenario())
    assert (throttles, done) == (8, 3)


def test_a_cancelled_wait_gives_its_place_back():
    async def scenario():
        limits = Limits(1)
        await limits.admit(1)
        waiting = [asyncio.create_task(limits.admit(1)) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        limits.release()
        await asyncio.wait_for(waiting[1], 1)
        limits.release()
        await asyncio.wait_for(waiting[2], 1)

    asyncio.run(scenario())


def test_a_pause_has_an_end(monkeypatch):
    monkeypatch.setattr(module, "LONGEST_PAUSE_SECONDS", 0.05)

    async def scenario():
        limits = Limits(2)
        limits.throttled(10_000)
        began = time.monotonic()
        await limits.admit(1)
        return time.monotonic() - began

    assert asyncio.run(scenario()) < 1
