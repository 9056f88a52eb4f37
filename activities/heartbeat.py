"""Heartbeats for a short activity, so that its worker's death is noticed in seconds."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio import activity

__all__ = ["auto_heartbeat"]

_BEAT_SECONDS = 1.0


@asynccontextmanager
async def auto_heartbeat() -> AsyncIterator[None]:
    """Heartbeat once a second for as long as the block runs."""

    async def beat() -> None:
        while True:
            activity.heartbeat()
            await asyncio.sleep(_BEAT_SECONDS)

    task = asyncio.create_task(beat(), name="auto_heartbeat")
    try:
        yield
    finally:
        task.cancel()
