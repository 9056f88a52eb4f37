"""Calls behind a store that hangs wait for a single timeout, however many they are."""

import asyncio
import threading
import time

from adapters.thread_pool import ThreadPool


async def test_calls_that_waited_too_long_for_a_thread_fail_together() -> None:
    """A hundred readers of a bucket without an answer: the last waited for 13 timeouts."""
    calls: list[float] = []
    pool = ThreadPool("a-test", 2, wait_seconds=0.2)

    def hang() -> None:
        calls.append(time.monotonic())
        # Longer than `wait_seconds`: the other calls give up while this store still hangs.
        threading.Event().wait(0.3)
        raise TimeoutError("no answer")

    begin = time.monotonic()
    ends = await asyncio.gather(*(pool.run(hang) for _ in range(40)), return_exceptions=True)
    assert all(isinstance(end, TimeoutError) for end in ends)
    assert len(calls) == 2
    assert time.monotonic() - begin < 2


async def test_calls_of_a_busy_healthy_store_wait_for_a_thread() -> None:
    pool = ThreadPool("a-test", 1)
    assert await asyncio.gather(*(pool.run(lambda: 1) for _ in range(50))) == [1] * 50
