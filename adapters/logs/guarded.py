"""A source of the log behind a circuit breaker, shared by all readers of the process."""

from collections.abc import AsyncGenerator

from adapters.circuit_breaker import CircuitBreaker
from deployments.errors import LogGap, Unavailable
from deployments.events import EventChunk, EventId
from deployments.log_ports import LogSource

__all__ = ["GuardedLogSource"]

# The first read of a follower: a few frames of the stream, 64 KiB each.
_FOLLOW_BYTES = 256 * 1024


class GuardedLogSource:
    """Reads from another source; after a failure readers get `Unavailable` at once for a while."""

    def __init__(self, source: LogSource) -> None:
        self._source = source
        self._breaker = CircuitBreaker(source.label)

    @property
    def name(self) -> str:
        return self._source.name

    @property
    def label(self) -> str:
        return self._source.label

    def reading(self, deployment: str) -> str:
        return self._source.reading(deployment)

    async def read(self, deployment: str, after: EventId, max_bytes: int) -> list[EventChunk]:
        return await self._breaker.call(lambda: self._source.read(deployment, after, max_bytes))

    async def follow(
        self, deployment: str, after: EventId
    ) -> AsyncGenerator[list[EventChunk], None]:
        """Follow the source; the first read finds out whether the source may be called."""
        if chunks := await self.read(deployment, after, _FOLLOW_BYTES):
            after = chunks[-1].id
            yield chunks
        try:
            async for chunks in self._source.follow(deployment, after):
                yield chunks
        except LogGap:
            raise
        except Unavailable as error:
            self._breaker.fail(error)
            raise
