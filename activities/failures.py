"""Temporal's view of an activity attempt: errors with a type, and heartbeats."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError

from deployments.errors import AnavaError

__all__ = ["heartbeating", "translated"]

_HEARTBEAT_SECONDS = 1.0


@contextmanager
def translated() -> Iterator[None]:
    """Raise an AnavaError of the block as an ApplicationError whose type is the class name."""
    try:
        yield
    except AnavaError as error:
        pause = error.retry_seconds
        raise ApplicationError(
            str(error),
            type=type(error).__name__,
            non_retryable=not error.retryable,
            next_retry_delay=None if pause is None else timedelta(seconds=pause),
        ) from error


@asynccontextmanager
async def heartbeating() -> AsyncIterator[None]:
    """Heartbeat once a second while the block runs, so that a dead worker costs seconds.

    Translates errors like `translated`.
    """

    async def beat() -> None:
        while True:
            activity.heartbeat()
            await asyncio.sleep(_HEARTBEAT_SECONDS)

    task = asyncio.create_task(beat(), name="heartbeat")
    try:
        with translated():
            yield
    finally:
        task.cancel()
