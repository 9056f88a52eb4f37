"""Reads a log from the first healthy source, and changes source in mid-stream.

Ids are the same in every source, so the next source resumes after the same id.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from deployments.errors import Unavailable
from deployments.events import EventChunk, EventId
from deployments.log_ports import LogSource

__all__ = ["FallbackLogSource"]

# A silent source is idle or has lost the log: after this time the other sources are queried.
_SILENCE_SECONDS = 3.0
# Time on a later source before the first is tried again: a later source is slower, but an
# unstable first source must not be queried at every line.
_RETURN_SECONDS = 10.0
# Pause between rounds while every source fails.
_ALL_FAILED_SECONDS = 1.0


class FallbackLogSource:
    """A source that reads from several others; the first is preferred."""

    def __init__(self, sources: Sequence[LogSource]) -> None:
        self._sources = sources
        # By deployment: the latest follower and the name of the source.
        self._reading: dict[str, tuple[object, str]] = {}

    @property
    def name(self) -> str:
        """The names of all sources, in order of preference."""
        return ",".join(source.name for source in self._sources)

    @property
    def label(self) -> str:
        return ", ".join(source.label for source in self._sources)

    def reading(self, deployment: str) -> str:
        return self._reading.get(deployment, (None, self._sources[0].name))[1]

    async def read(self, deployment: str, after: EventId, max_bytes: int) -> list[EventChunk]:
        """Read from the first source with lines after the id; raises Unavailable when all fail."""
        failed: list[Exception] = []
        for source in self._sources:
            try:
                if chunks := await source.read(deployment, after, max_bytes):
                    return chunks
            except Unavailable as error:
                failed.append(error)
        if len(failed) == len(self._sources):
            raise Unavailable("Every source of the log failed: " + "; ".join(map(str, failed)))
        return []

    async def follow(
        self, deployment: str, after: EventId
    ) -> AsyncGenerator[list[EventChunk], None]:
        """Follow the log; while every source fails, the iterator waits."""
        follower = object()
        start = 0
        try:
            while True:
                self._reading[deployment] = (follower, self._sources[start].name)
                async with aclosing(self._follow_source(deployment, after, start)) as batches:
                    async for chunks in batches:
                        after = chunks[-1].id
                        yield chunks
                start = await self._next(deployment, after)
        finally:
            # A later follower of the same log may have replaced the entry.
            if self._reading.get(deployment, (None, ""))[0] is follower:
                del self._reading[deployment]

    async def _next(self, deployment: str, after: EventId) -> int:
        """The index of the first source with lines after the id, else of the first healthy."""
        while True:
            idle = None
            for number, source in enumerate(self._sources):
                try:
                    if await source.read(deployment, after, 1):
                        return number
                except Unavailable:
                    continue
                idle = number if idle is None else idle
            if idle is not None:
                return idle
            await asyncio.sleep(_ALL_FAILED_SECONDS)

    async def _follow_source(
        self, deployment: str, after: EventId, number: int
    ) -> AsyncGenerator[list[EventChunk], None]:
        """Follow a source until it fails, another has more lines, or the retry is due."""
        source = self._sources[number]
        clock = asyncio.get_running_loop().time
        leave_at = clock() + _RETURN_SECONDS if number else float("inf")
        batches = aiter(source.follow(deployment, after))
        while clock() < leave_at:
            pending = asyncio.ensure_future(anext(batches))
            try:
                while not pending.done():
                    await asyncio.wait({pending}, timeout=_SILENCE_SECONDS)
                    if pending.done():
                        break
                    if clock() >= leave_at or await self._others_have_more(
                        deployment, after, number
                    ):
                        return
                chunks = pending.result()
            except Unavailable:
                return
            finally:
                pending.cancel()
            after = chunks[-1].id
            yield chunks

    async def _others_have_more(self, deployment: str, after: EventId, number: int) -> bool:
        """Whether another source has lines after the id."""
        for source in self._sources:
            if source is self._sources[number]:
                continue
            try:
                if await source.read(deployment, after, 1):
                    return True
            except Unavailable:
                continue
        return False
