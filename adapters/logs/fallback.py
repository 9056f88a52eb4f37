"""Reads a log from the first source that can give it, and changes source in mid-stream.

Ids are the same everywhere, so whoever takes over goes on behind the same cursor.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from deployments.errors import LogGap, Unavailable
from deployments.events import EventChunk, EventId
from deployments.log_ports import LogSource

__all__ = ["FallbackLogSource"]

# A source that says nothing may be quiet or may have lost the log: then the others are asked.
_DOUBT_SECONDS = 3.0
# So long a later source is followed before the first ones are tried again: it is slower, but a
# source that comes and goes must not be asked at every line.
_RETURN_SECONDS = 10.0
_ALL_FAILED_SECONDS = 1.0


class FallbackLogSource:
    """Port `LogSource` over several, the preferred first."""

    def __init__(self, sources: Sequence[LogSource]) -> None:
        self._sources = sources
        # By deployment: who follows it, and from where.
        self._reading: dict[str, tuple[object, str]] = {}

    @property
    def name(self) -> str:
        """All names, in order."""
        return ",".join(source.name for source in self._sources)

    def reading(self, deployment: str) -> str:
        """Port `LogSource`."""
        return self._reading.get(deployment, (None, self._sources[0].name))[1]

    async def read(self, deployment: str, after: EventId, most_bytes: int) -> list[EventChunk]:
        """Port `LogSource`."""
        failed: list[Exception] = []
        for source in self._sources:
            try:
                if found := await source.read(deployment, after, most_bytes):
                    return found
            except (Unavailable, LogGap) as error:
                failed.append(error)
        if len(failed) == len(self._sources):
            raise Unavailable("no source of the log answers: " + "; ".join(map(str, failed)))
        return []

    async def follow(
        self, deployment: str, after: EventId
    ) -> AsyncGenerator[list[EventChunk], None]:
        """Port `LogSource`; while nobody answers it waits."""
        follower = object()
        start = 0
        try:
            while True:
                self._reading[deployment] = (follower, self._sources[start].name)
                async with aclosing(self._follow_one(deployment, after, start)) as chunks:
                    async for found in chunks:
                        after = found[-1].id
                        yield found
                start = await self._next(deployment, after)
        finally:
            # Another may have begun to follow the same log meanwhile.
            if self._reading.get(deployment, (None, ""))[0] is follower:
                del self._reading[deployment]

    async def _next(self, deployment: str, after: EventId) -> int:
        """The first source that has something, else the first that answers."""
        while True:
            quiet = None
            for number, source in enumerate(self._sources):
                try:
                    if await source.read(deployment, after, 1):
                        return number
                except (Unavailable, LogGap):
                    continue
                quiet = number if quiet is None else quiet
            if quiet is not None:
                return quiet
            await asyncio.sleep(_ALL_FAILED_SECONDS)

    async def _follow_one(
        self, deployment: str, after: EventId, number: int
    ) -> AsyncGenerator[list[EventChunk], None]:
        """Follow one source until it fails, another has more, or it is time to look again."""
        source = self._sources[number]
        clock = asyncio.get_running_loop().time
        leave_at = clock() + _RETURN_SECONDS if number else float("inf")
        chunks = aiter(source.follow(deployment, after))
        while clock() < leave_at:
            coming = asyncio.ensure_future(anext(chunks))
            try:
                while not coming.done():
                    await asyncio.wait({coming}, timeout=_DOUBT_SECONDS)
                    if coming.done():
                        break
                    if clock() >= leave_at or await self._is_elsewhere(deployment, after, number):
                        return
                found = coming.result()
            except (Unavailable, LogGap):
                return
            finally:
                coming.cancel()
            after = found[-1].id
            yield found

    async def _is_elsewhere(self, deployment: str, after: EventId, number: int) -> bool:
        """Whether another source has what this one does not give."""
        for source in self._sources:
            if source is self._sources[number]:
                continue
            try:
                if await source.read(deployment, after, 1):
                    return True
            except (Unavailable, LogGap):
                continue
        return False
