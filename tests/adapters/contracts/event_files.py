"""One store of the log as the contract looks at it."""

from dataclasses import dataclass

from deployments.events import EventId
from deployments.log_ports import LogSink, LogSource
from tests.support.logs import START

__all__ = ["Kept"]


@dataclass
class Kept:
    """One store: what writes to it and what reads from it, and a name nobody used before."""

    sink: LogSink
    source: LogSource
    deployment: str

    async def all(self, after: EventId = START) -> list[bytes]:
        lines: list[bytes] = []
        while chunks := await self.source.read(self.deployment, after, 1_000_000):
            for chunk in chunks:
                assert chunk.last - chunk.first + 1 == chunk.data.count(b"\n")
                lines += chunk.data.splitlines()
            after = chunks[-1].id
        return lines
