"""Heartbeats for a short activity, so that its worker's death is noticed in seconds."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio import activity

__all__ = ["beating"]

_BEAT_SECONDS = 1.0


@asynccontextmanager
async def beating() -> AsyncIterator[None]:
    """Heartbeat once a second for as long as the block runs."""

    async def beat() -> None:
        while True:
            activity.heartbeat()
            await asyncio.sleep(_BEAT_SECONDS)

    task = asyncio.create_task(beat(), name="beating")
    try:
        yield
    finally:
        task.cancel()
