"""Awaiting what must not be lost to a cancel."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

__all__ = ["shielded"]

_Value = TypeVar("_Value")


async def shielded(
    task: asyncio.Task[_Value], cancel: Callable[[], object] | None = None
) -> _Value:
    """Await a task whatever is asked of the workflow meanwhile: its value decides.

    When a cancel and the task's completion arrive together, a plain await loses the value and with
    it a finished apply (measured); so the task is given the chance to be done.

    Args:
        task: what is awaited.
        cancel: called once, when a cancel came and the task is not done.
    """
    asked = False
    while True:
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            if task.done() and asked:
                raise
            if not asked and not task.done() and cancel is not None:
                cancel()
            asked = True
