"""A thread pool per store."""

import asyncio
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

__all__ = ["ThreadPool"]

_P = ParamSpec("_P")
_R = TypeVar("_R")


class ThreadPool:
    """Runs the blocking calls of a single store, `count` at once; further calls wait.

    The event loop's default threads (six on two cores) also serve the files of every step; a store
    that hangs must not occupy them. A call that has waited longer than `wait_seconds` for a thread
    fails: behind a store that hangs, a hundred calls would wait for one timeout after the other.
    """

    def __init__(self, name: str, count: int, wait_seconds: float = math.inf) -> None:
        self._executor = ThreadPoolExecutor(count, thread_name_prefix=name)
        self._wait_seconds = wait_seconds

    async def run(self, work: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Run `work` in a thread and return the result; TimeoutError without a free thread."""
        give_up_at = time.monotonic() + self._wait_seconds

        def call() -> _R:
            if time.monotonic() > give_up_at:
                raise TimeoutError(f"no free thread for {self._wait_seconds:.0f} s")
            return work(*args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._executor, call)
