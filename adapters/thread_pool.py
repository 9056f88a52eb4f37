"""A thread pool per store."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

__all__ = ["ThreadPool"]

_P = ParamSpec("_P")
_R = TypeVar("_R")


class ThreadPool:
    """Runs the blocking calls of a single store, `count` at once; further calls wait.

    The event loop's default threads (six on two cores) also serve the files of every step; a store
    that hangs must not occupy them.
    """

    def __init__(self, name: str, count: int) -> None:
        self._executor = ThreadPoolExecutor(count, thread_name_prefix=name)

    async def run(self, work: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Run `work` in a thread and return the result."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, lambda: work(*args, **kwargs))
