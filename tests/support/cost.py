"""CPU time of work whose cost a customer's input decides."""

import time
from collections.abc import Awaitable, Callable

__all__ = ["event_loop_seconds", "growth", "thread_seconds"]

# The best of several: other programs disturb a measurement, and none makes it faster.
_ROUNDS = 5


def thread_seconds(work: Callable[[], object]) -> float:
    """The CPU time of this thread for the work, the best of five."""
    return min(_once(work) for _ in range(_ROUNDS))


def growth(work: Callable[[int], Callable[[], object]], size: int) -> float:
    """How many times longer the work takes at four times the size; `work` prepares a size.

    Work whose cost grows as its size gives 4, as the square of its size 16: a limit of 8 leaves
    room for a noisy machine on both sides.
    """
    small, large = work(size), work(4 * size)
    # In turns, so that a change of the machine's speed meets both.
    pairs = [(_once(small), _once(large)) for _ in range(_ROUNDS)]
    return min(pair[1] for pair in pairs) / min(pair[0] for pair in pairs)


async def event_loop_seconds(work: Callable[[], Awaitable[object]]) -> float:
    """The CPU time of the event loop's thread during the work, without other threads."""
    begin = time.thread_time()
    await work()
    return time.thread_time() - begin


def _once(work: Callable[[], object]) -> float:
    begin = time.thread_time()
    work()
    return time.thread_time() - begin
