"""The read model of a deployment: the Temporal execution without the history."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from deployments.deployment import DeploymentResult, Operation, Status
from deployments.events import EventId
from deployments.phase import Phase
from deployments.reasons import Reason
from deployments.temporal_names import Attribute
from deployments.transitions import is_terminal

__all__ = [
    "Caller",
    "DeploymentFilter",
    "DeploymentSnapshot",
    "SnapshotPage",
    "WorkflowState",
    "effective_status",
    "rfc3339",
]


class WorkflowState(StrEnum):
    """Whether a deployment's workflow runs; `UNKNOWN`: Temporal has no such workflow."""

    OPEN = "open"
    CLOSED = "closed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Caller:
    """The person or token that sends a request, within a tenant."""

    tenant: str
    owner: str


@dataclass(frozen=True)
class DeploymentSnapshot:
    """A deployment at one moment; times are RFC 3339 UTC, all by Temporal's clock.

    `started_at` is the time at which the deployment acquired its stack. `cancel_requested` is
    False in lists, because Temporal's lists do not contain the value.
    """

    id: str
    tenant: str
    owner: str
    stack: str
    operation: Operation
    status: Status
    phase: Phase
    reason: Reason
    created_at: str
    started_at: str | None = None
    ended_at: str | None = None
    cancel_requested: bool = False
    request: Mapping[str, object] = field(default_factory=dict)
    request_sha256: str = ""
    host: str | None = None
    result: DeploymentResult | None = None

    @property
    def caller(self) -> Caller:
        """The tenant and owner that may read this deployment."""
        return Caller(self.tenant, self.owner)

    @property
    def is_terminal(self) -> bool:
        """Whether the status is final."""
        return is_terminal(self.status)

    @property
    def log_end(self) -> EventId:
        """The id of the last end record in the result; `0-0` without a result."""
        seals = self.result.seals if self.result else []
        return max((EventId(seal.step, seal.lines + 1) for seal in seals), default=EventId(0, 0))


@dataclass(frozen=True)
class DeploymentFilter:
    """Conditions on a list of deployments; None matches all.

    `attributes` are the search attributes that must equal a value.
    """

    status: Status | None = None
    project: str | None = None
    attributes: Mapping[Attribute, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class SnapshotPage:
    """A page of a list; `next_cursor` is None on the last page."""

    items: list[DeploymentSnapshot]
    next_cursor: str | None


def effective_status(
    recorded: tuple[Status, Phase, Reason],
    *,
    running: bool,
    terminated: bool,
    stuck: bool = False,
) -> tuple[Status, Phase, Reason]:
    """Return the recorded status, or `needs_attention` if the workflow closed without an end.

    `recorded` is the workflow's last write; `terminated`: an operator terminated the execution;
    `stuck`: the workflow runs and its code fails again and again.
    """
    status, phase, reason = recorded
    if status is Status.UNKNOWN:
        # Of another release: whether the workflow is open is known all the same.
        status = Status.RUNNING if running else Status.NEEDS_ATTENTION
        return status, phase, Reason.STUCK if stuck else Reason.UNKNOWN
    if stuck and not is_terminal(status):
        return status, phase, Reason.STUCK
    if running or is_terminal(status):
        return recorded
    reason = Reason.TERMINATED_BY_OPERATOR if terminated else Reason.INTERNAL_ERROR
    return Status.NEEDS_ATTENTION, phase, reason


def rfc3339(moment: datetime) -> str:
    """Format a time as UTC with milliseconds, like `2026-11-24T10:00:00.000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
