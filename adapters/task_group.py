"""Concurrent calls that end together."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

__all__ = ["run_all"]

_R = TypeVar("_R")


async def run_all(calls: Iterable[Coroutine[Any, Any, _R]]) -> list[_R]:
    """Run the calls concurrently and return their results in order.

    The first error of a call cancels the others and is raised after the last call has ended:
    `asyncio.gather` leaves the others running, and `asyncio.TaskGroup` raises a group.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(call) for call in calls]
    except BaseExceptionGroup as errors:
        first = errors.exceptions[0]
        raise first from first.__cause__
    return [task.result() for task in tasks]
