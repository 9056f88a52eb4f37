"""Threads that only one store may fill."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

__all__ = ["ThreadPool"]

_Asked = ParamSpec("_Asked")
_Answer = TypeVar("_Answer")


class ThreadPool:
    """Runs blocking calls aside.

    The loop's own threads (six on two cores) also carry the files of every step: a store that
    hangs must not take them.

    Args:
        name: of the store.
        count: calls at once; further ones wait.
    """

    def __init__(self, name: str, count: int) -> None:
        self._executor = ThreadPoolExecutor(count, thread_name_prefix=name)

    async def run(
        self, work: Callable[_Asked, _Answer], *args: _Asked.args, **kwargs: _Asked.kwargs
    ) -> _Answer:
        """Run it and give its answer."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, lambda: work(*args, **kwargs))
