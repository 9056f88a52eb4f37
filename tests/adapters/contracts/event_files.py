"""One store of the log as the contract looks at it."""

from dataclasses import dataclass

from deployments.events import EventId
from deployments.log_ports import LogSink, LogSource
from tests.support.logs import START, chunk, end_of, sealed

__all__ = ["Kept"]


@dataclass
class Kept:
    """One store: what writes to it and what reads from it, and a name nobody used before."""

    sink: LogSink
    source: LogSource
    deployment: str

    async def step(self, step: int, lines: int) -> list[bytes]:
        """Write an ended step; returns its lines with the end record."""
        seal, end = sealed(step, lines, end_of(lines))
        if lines:
            await self.sink.write(self.deployment, chunk(step, 1, lines))
        await self.sink.write(self.deployment, end)
        assert await self.sink.seal(self.deployment, seal) == lines + 1
        return [*chunk(step, 1, lines).data.splitlines(), end.data[:-1]]

    async def all(self, after: EventId = START) -> list[bytes]:
        lines: list[bytes] = []
        while chunks := await self.source.read(self.deployment, after, 1_000_000):
            for part in chunks:
                assert part.last - part.first + 1 == part.data.count(b"\n")
                lines += part.data.splitlines()
            after = chunks[-1].id
        return lines
