"""What lies in the store behind a cursor, read and encoded once for viewers that come together.

After a restart hundreds of viewers ask for the same lines within a second.
"""

import asyncio
from collections.abc import Sequence

from api.streaming.frames import Frame, log_frames
from deployments.events import EventId
from deployments.log_ports import LogSource

__all__ = ["StoredFrames"]

# What is read at once: a few frames.
_READ_BYTES = 256 * 1024
# What is kept of it: 4 MiB, so that a log of 40,000 lines is read once for viewers in step.
_MOST_READS = 16


class StoredFrames:
    """The stored log of one deployment, in frames."""

    def __init__(self, logs: LogSource, deployment: str) -> None:
        self._logs = logs
        self._deployment = deployment
        self._reads: dict[EventId, asyncio.Task[Sequence[Frame]]] = {}

    async def after(self, cursor: EventId) -> Sequence[Frame]:
        """The next frames behind a cursor; none where nothing is stored yet.

        Raises:
            Unavailable: no answer just now.
        """
        task = self._reads.pop(cursor, None)
        if task is None:
            task = asyncio.create_task(self._read(cursor))
            task.add_done_callback(lambda _: self._keep(cursor, task))
        # What was asked for last is kept longest.
        self._reads[cursor] = task
        while len(self._reads) > _MOST_READS:
            self._reads.pop(next(iter(self._reads)))
        # One viewer that leaves must not end what others wait for.
        return await asyncio.shield(task)

    async def _read(self, cursor: EventId) -> Sequence[Frame]:
        chunks = await self._logs.read(self._deployment, cursor, _READ_BYTES)
        return [one for one, _ in log_frames(b"".join(chunk.data for chunk in chunks))]

    def _keep(self, cursor: EventId, task: asyncio.Task[Sequence[Frame]]) -> None:
        """A log only grows: what was found stays true. That nothing was found does not."""
        found = not task.cancelled() and task.exception() is None and task.result()
        if not found and self._reads.get(cursor) is task:
            del self._reads[cursor]
