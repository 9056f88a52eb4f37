"""Heartbeats for short activities: Temporal notices a worker's death within seconds."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio import activity

__all__ = ["auto_heartbeat"]

_HEARTBEAT_SECONDS = 1.0


@asynccontextmanager
async def auto_heartbeat() -> AsyncIterator[None]:
    """Heartbeat once a second while the block runs."""

    async def beat() -> None:
        while True:
            activity.heartbeat()
            await asyncio.sleep(_HEARTBEAT_SECONDS)

    task = asyncio.create_task(beat(), name="auto_heartbeat")
    try:
        yield
    finally:
        task.cancel()
