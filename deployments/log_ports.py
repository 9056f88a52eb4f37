"""Sinks and sources of the log, progress and sink status; adapters implement them.

An adapter raises only errors of `deployments.errors`.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from deployments.events import EndRecord, EventChunk, EventId
from deployments.step import Resource

__all__ = ["LogSink", "LogSource", "Progress", "ProgressSource", "SinkStatus", "SinkStatuses"]


class LogSink(Protocol):
    """A store that logs are shipped to. A failed sink never slows terraform or another sink."""

    @property
    def name(self) -> str:
        """The name in settings, cursors and health."""

    @property
    def chunk_bytes(self) -> int:
        """Largest chunk for `write`; a longer single line comes as a chunk by itself."""

    @property
    def gather_seconds(self) -> float:
        """Time to collect lines before a write, for sinks with expensive writes."""

    async def generation(self) -> str:
        """A value that changes when the store has lost data; constant if the store cannot lose any.

        Raises:
            Unavailable: the store does not respond.
        """

    async def write(self, deployment: str, chunk: EventChunk) -> int:
        """Append a chunk whose first line follows the last stored line, else change nothing.

        Returns:
            The last stored line of the step. The shipper resumes after this line, which is
            earlier than before where a store has lost lines.

        Raises:
            Unavailable: the chunk may or may not be stored; retry later.
        """

    async def seal(self, deployment: str, record: EndRecord) -> int:
        """Mark the log of a step as complete if the end record is stored; idempotent.

        Returns:
            The last stored line; the step is sealed only if this is the end record's line.

        Raises:
            Unavailable: the step may or may not be sealed; retry later.
        """


class LogSource(Protocol):
    """A store that logs are read from."""

    @property
    def name(self) -> str:
        """The name in settings; a fallback source has several, separated by commas."""

    @property
    def label(self) -> str:
        """The name for people."""
        ...

    def reading(self, deployment: str) -> str:
        """The name of the source that the log of a deployment currently comes from."""

    async def read(self, deployment: str, after: EventId, max_bytes: int) -> list[EventChunk]:
        """Read the events after an id, in order, about `max_bytes` of them.

        End records are included: a chunk whose `last` is the end record's line ends the step. The
        next step follows only after the end record of the step before.

        Raises:
            Unavailable: the source does not respond.
            LogGap: the source responds and lacks lines after the id, or lost this log.
        """

    def follow(self, deployment: str, after: EventId) -> AsyncIterator[list[EventChunk]]:
        """Read the events after an id, then new events as they come; never ends by itself."""


@dataclass(frozen=True)
class SinkStatus:
    """The health of a sink over all steps that are being shipped to it.

    `behind_lines`: events not yet stored. `late_seconds`: time since the sink last had all
    events. `position`: `<deployment>/<event id>` of the last stored event of the log that waits
    longest, empty if none waits. `error`: the cause of the last failure, empty when healthy.
    """

    name: str
    steps: int
    position: str
    behind_lines: int
    late_seconds: float
    error: str


class SinkStatuses(Protocol):
    """The sink statuses that the workers publish."""

    async def current(self) -> list[SinkStatus]:
        """The status of each sink, over all workers that are visible from this process."""


@dataclass(frozen=True)
class Progress:
    """The resources of a step and their counts, true up to and including the event `until`."""

    step: int
    phase: str
    until: str
    resources: list[Resource]
    counts: dict[str, int]


class ProgressSource(Protocol):
    """A store that the progress of a deployment is read from."""

    async def latest(self, deployment: str) -> Progress | None:
        """The progress of the newest step that names resources; None before the first."""
