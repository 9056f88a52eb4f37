"""Awaiting a task whose value a cancel of the workflow must not lose."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

__all__ = ["shielded"]

_Value = TypeVar("_Value")


async def shielded(
    task: asyncio.Task[_Value], cancel: Callable[[], object] | None = None
) -> _Value:
    """Await the end of a task, even when the workflow is cancelled meanwhile.

    When a cancel and the task's completion arrive together, a plain await loses the value, and with
    the value a finished apply (measured). So a cancel first yields, and the task can complete.

    Args:
        task: an activity's handle, or a task of the workflow.
        cancel: called once, when the workflow was cancelled and the task is not done.
    """
    cancelled = False
    while True:
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            if task.done() and cancelled:
                raise
            if not cancelled and not task.done() and cancel is not None:
                cancel()
            cancelled = True
