"""Where a deployment stands, as Temporal tells it without its history, and who mirrors that."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from deployments.deployment import Operation, Status
from deployments.phase import Phase
from deployments.reasons import Reason
from deployments.transitions import is_terminal

__all__ = ["StatusMirror", "StatusSnapshot", "StatusSnapshots", "effective_status"]


@dataclass(frozen=True)
class StatusSnapshot:
    """One deployment; times in RFC 3339 UTC, `ended_at` empty while it runs."""

    id: str
    owner: str
    stack: str
    operation: Operation
    status: Status
    phase: Phase
    reason: Reason
    created_at: str
    ended_at: str


class StatusSnapshots(Protocol):
    """What Temporal knows of all deployments."""

    async def look(self, back_seconds: float) -> Sequence[StatusSnapshot]:
        """Those that run, and those that ended in the last so many seconds.

        Raises:
            TemporalUnavailable: no answer.
        """
        ...


class StatusMirror(Protocol):
    """A copy of the standing for clients that listen; nobody of ours reads it."""

    async def write(self, snapshot: StatusSnapshot) -> bool:
        """Put it over the one that is there; where it stands already, nothing is written.

        Returns:
            False when another one was written a moment ago or what is there is newer: the caller
            looks again and then tells what is true by then.

        Raises:
            Unavailable: not known whether it was written.
        """
        ...


def effective_status(
    said: tuple[Status, Phase, Reason], *, running: bool, terminated: bool
) -> tuple[Status, Phase, Reason]:
    """What the workflow last said of itself, unless it was ended from outside since."""
    status, phase, reason = said
    if running or is_terminal(status):
        return said
    reason = Reason.TERMINATED_BY_OPERATOR if terminated else Reason.INTERNAL_ERROR
    return Status.NEEDS_ATTENTION, phase, reason
