"""Frames of the stored log, read and encoded once for viewers that need the same lines.

After a restart hundreds of viewers request the same lines within a second.
"""

import asyncio
from collections.abc import Sequence

from api.streaming.frames import Frame, log_frames
from deployments.errors import AnavaError, Unavailable
from deployments.events import EventId
from deployments.log_ports import LogSource

__all__ = ["StoredFrames"]

# A read of a few frames.
_READ_BYTES = 256 * 1024
# The cache has 4 MiB: viewers at the same pace read a log of 40,000 lines once.
_MAX_READS = 16


class StoredFrames:
    """A cache of recent reads of a deployment's stored log."""

    def __init__(self, logs: LogSource, deployment: str) -> None:
        self._logs = logs
        self._deployment = deployment
        self._reads: dict[EventId, asyncio.Task[Sequence[Frame] | AnavaError]] = {}

    async def after(self, cursor: EventId) -> Sequence[Frame]:
        """The next frames after a cursor; empty if the store has no later line yet.

        Raises:
            Unavailable: the store does not answer.
        """
        task = self._reads.pop(cursor, None)
        if task is None:
            task = asyncio.create_task(self._read(cursor))
            task.add_done_callback(lambda _: self._drop_failed(cursor, task))
        # The least recently used read is removed first.
        self._reads[cursor] = task
        while len(self._reads) > _MAX_READS:
            self._reads.pop(next(iter(self._reads)))
        # The shield keeps the read alive when a viewer leaves.
        frames = await asyncio.shield(task)
        if isinstance(frames, AnavaError):
            # An exception of its own for each viewer: each raise adds to the traceback.
            raise Unavailable(str(frames))
        return frames

    async def _read(self, cursor: EventId) -> Sequence[Frame] | AnavaError:
        try:
            chunks = await self._logs.read(self._deployment, cursor, _READ_BYTES)
        except AnavaError as error:
            return error.with_traceback(None)
        return [frame for frame, _ in log_frames(b"".join(chunk.data for chunk in chunks))]

    def _drop_failed(
        self, cursor: EventId, task: "asyncio.Task[Sequence[Frame] | AnavaError]"
    ) -> None:
        """Remove a read without frames: the log may grow. Frames of a log never change."""
        is_failed = task.cancelled() or task.exception() is not None
        has_frames = not is_failed and not isinstance(task.result(), AnavaError) and task.result()
        if not has_frames and self._reads.get(cursor) is task:
            del self._reads[cursor]
