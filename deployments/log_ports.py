"""What the log and the progress need from the outside; adapters implement it, tests fake it.

An adapter raises only errors of `deployments.errors`.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from deployments.events import EventChunk, EventId, Seal
from deployments.step import Resource, StepKey

__all__ = [
    "LogSink",
    "LogSource",
    "Progress",
    "ProgressSource",
    "SinkStatus",
    "SinkStatuses",
    "StepLog",
]


class LogSink(Protocol):
    """A place where the log is kept. A dead one never slows terraform or another sink."""

    @property
    def name(self) -> str:
        """The name in settings, cursors and health."""
        ...

    @property
    def chunk_bytes(self) -> int:
        """About so many bytes come at once at most; a single longer line comes whole."""
        ...

    @property
    def gather_seconds(self) -> float:
        """How long lines gather where a write costs much."""
        ...

    async def generation(self) -> str:
        """Another one whenever the store has lost all it held; always the same where it cannot.

        Raises:
            Unavailable: it does not answer.
        """
        ...

    async def write(self, deployment: str, chunk: EventChunk) -> int:
        """Keep a chunk that follows what is held; any other changes nothing.

        Returns:
            The last line of the step that is held now: the shipper goes on behind it, also
            back, where a store has lost lines.

        Raises:
            Unavailable: not known whether it was kept; try again later.
        """
        ...

    async def seal(self, deployment: str, seal: Seal) -> int:
        """Say that the step's log is whole, end record included; a repeat changes nothing.

        Returns:
            The last line that is held. Only `seal.lines + 1` means that the seal was taken.
        """
        ...


class LogSource(Protocol):
    """Where a log can be read from."""

    @property
    def name(self) -> str:
        """The name in settings; of several, with commas between, the preferred one first."""
        ...

    def reading(self, deployment: str) -> str:
        """The name of the source that a deployment's log comes from just now."""
        ...

    async def read(self, deployment: str, after: EventId, most_bytes: int) -> list[EventChunk]:
        """What follows the cursor, in order, about `most_bytes` at most.

        End records are in it: a chunk whose `last` is the end record's line ends its step.

        Raises:
            Unavailable: it does not answer, or does not hold this log any more.
            LogGap: it lacks lines behind the cursor.
        """
        ...

    def follow(self, deployment: str, after: EventId) -> AsyncIterator[list[EventChunk]]:
        """What follows the cursor and all that comes; never ends by itself."""
        ...


class StepLog(Protocol):
    """A step's log on its way to the sinks, and where each of them stands."""

    @property
    def key(self) -> StepKey:
        """Which step."""
        ...

    def seal(self) -> Seal | None:
        """The end record, once it is written."""
        ...

    def lines(self) -> int:
        """How many events there are, about a second ago."""
        ...

    def position(self, sink: str) -> int:
        """The last line that the sink has."""
        ...

    def next_chunk(self, sink: str, most_bytes: int) -> EventChunk | None:
        """What the sink does not have yet; None when it has all that is there."""
        ...

    def advance(self, sink: str, line: int) -> None:
        """The sink has all up to this line, which may lie before where it was."""
        ...

    def finish(self, sink: str, seal: Seal, generation: str) -> None:
        """The sink has all, and has sealed it; it will be asked again in another generation."""
        ...

    def ended_seconds(self) -> float:
        """How long ago its last line was written; 0 while it has no end record."""
        ...

    def give_up(self, sink: str, reason: str) -> None:
        """The sink gets no more of it."""
        ...

    async def changed(self, seconds: float) -> None:
        """Return when there is more, or after so many seconds."""
        ...

    def close(self) -> None:
        """Watch it no more."""
        ...


@dataclass(frozen=True)
class SinkStatus:
    """How a sink is, over all steps that are shipped to it just now.

    `behind_lines`: events it lacks. `late_seconds`: since when it has not caught up. `position`:
    `<deployment>/<event id>` up to which it holds the log that waits longest, empty when none does.
    `error`: why it took nothing, empty when it is well.
    """

    name: str
    steps: int
    position: str
    behind_lines: int
    late_seconds: float
    error: str


class SinkStatuses(Protocol):
    """What the workers say of their sinks."""

    async def current(self) -> list[SinkStatus]:
        """One for each sink, over all workers that can be seen from here."""
        ...


@dataclass(frozen=True)
class Progress:
    """How far a step is, true up to and with the event `until`."""

    step: int
    phase: str
    until: str
    resources: list[Resource]
    counts: dict[str, int]


class ProgressSource(Protocol):
    """Where the progress of a deployment can be read from."""

    async def latest(self, deployment: str) -> Progress | None:
        """The newest step's progress that names resources; None before there is one."""
        ...
