"""A step, one piece of terraform work: its order and its result."""

from dataclasses import dataclass, field
from enum import StrEnum

from deployments.events import Seal
from deployments.imports import Import
from deployments.phase import Phase
from deployments.timings import StopLadder

__all__ = [
    "Counts",
    "Diagnostic",
    "Output",
    "Resource",
    "ResourceStatus",
    "StepKey",
    "StepOrder",
    "StepOutcome",
    "StepResult",
    "StopCause",
]


@dataclass(frozen=True)
class StepKey:
    """Identifies a step of a deployment."""

    deployment: str
    step: int

    @property
    def activity_id(self) -> str:
        """Id of the activity that runs the step. Temporal's attempt is never part of an id."""
        return f"step-{self.step}"


class StopCause(StrEnum):
    """Why terraform was stopped; the first cause stays."""

    CANCEL = "cancel"
    DEADLINE = "deadline"
    NO_PROGRESS = "no_progress"
    LOST_LEASE = "lost_lease"
    DRAIN = "drain"
    ABANDONED = "abandoned"
    TERMINATED = "terminated"
    SUPERSEDED = "superseded"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class StepOrder:
    """All that a step needs. `step.json` holds it from its start on, unchanged.

    Attributes:
        key: which step.
        phase: a phase that runs terraform.
        deadline_seconds: then terraform is stopped.
        no_progress_seconds: so long may terraform print nothing.
        lease_seconds: so long the host owns the step after an acknowledged heartbeat.
        ladder: limits of the stop ladder.
        plan_sha256: hash of the plan file that an apply must find.
        imports: existing resources that a plan imports.
        destroy: the plan destroys the stack; an apply executes its plan file.
        credential_ref: names the credential for Google; empty for none.
        project_id: the Google project in which the credential is used.
    """

    key: StepKey
    phase: Phase
    deadline_seconds: int
    no_progress_seconds: int
    lease_seconds: int
    ladder: StopLadder
    plan_sha256: str = ""
    imports: list[Import] = field(default_factory=list)
    destroy: bool = False
    credential_ref: str = ""
    project_id: str = ""


class ResourceStatus(StrEnum):
    """Progress of terraform with a resource."""

    PLANNED = "planned"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Resource:
    """A resource in the progress of a step; times are RFC 3339 UTC.

    `typical_seconds` is the usual duration for the type, 0 when unknown. An `overdue` resource
    takes so much longer that Google is probably refusing requests for it.
    """

    address: str
    action: str
    status: ResourceStatus
    started_at: str = ""
    elapsed_seconds: float = 0.0
    id: str = ""
    reason: str = ""
    typical_seconds: int = 0
    overdue: bool = False


@dataclass(frozen=True)
class Counts:
    """Numbers of resources, as terraform's own summary counts them."""

    add: int = 0
    change: int = 0
    remove: int = 0
    imported: int = 0

    @property
    def total(self) -> int:
        """Number of changes."""
        return self.add + self.change + self.remove + self.imported

    def __add__(self, other: "Counts") -> "Counts":
        """The sum of two applies."""
        return Counts(
            self.add + other.add,
            self.change + other.change,
            self.remove + other.remove,
            self.imported + other.imported,
        )


@dataclass(frozen=True)
class Diagnostic:
    """An error or warning of terraform, with file and line in the template."""

    severity: str
    summary: str
    detail: str = ""
    address: str = ""
    file: str = ""
    line: int = 0


@dataclass(frozen=True)
class Output:
    """An output of the stack; `value_json` is empty when the output is sensitive."""

    name: str
    sensitive: bool
    value_json: str = ""


class StepOutcome(StrEnum):
    """How a step ended."""

    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    START_FAILED = "start_failed"
    SIGN_IN_EXPIRED = "sign_in_expired"
    NOT_STARTED = "not_started"
    RUNNER_LOST = "runner_lost"
    HOST_LOST = "host_lost"


@dataclass(frozen=True)
class StepResult:
    """What a step left behind. A failed terraform is a result, never an exception.

    Attributes:
        key: which step.
        phase: of the step.
        outcome: how the step ended.
        exit_code: terraform's; None when unknown.
        stop: why terraform was stopped.
        clean: terraform ended by itself, so its state is written.
        applied: terraform reported that the apply is complete.
        signals: number of signals that the stop ladder sent.
        counts: planned changes, or applied ones after an apply.
        changed: addresses of changed resources.
        not_applied: addresses of planned changes that did not happen.
        diagnostics: terraform's errors; its warnings where there is no error.
        outputs: of the stack.
        seal: the log's end record.
        plan_sha256: hash of the plan file that a plan wrote.
        error: text of an error outside terraform.
        started_at: RFC 3339 UTC.
        ended_at: RFC 3339 UTC.
        epoch: of the claim under which the step ended.
        omitted: number of addresses that were left out.
    """

    key: StepKey
    phase: Phase
    outcome: StepOutcome
    exit_code: int | None = None
    stop: StopCause | None = None
    clean: bool = True
    applied: bool = False
    signals: int = 0
    counts: Counts = field(default_factory=Counts)
    changed: list[str] = field(default_factory=list)
    not_applied: list[str] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    seal: Seal | None = None
    plan_sha256: str = ""
    error: str = ""
    started_at: str = ""
    ended_at: str = ""
    epoch: int = 0
    omitted: int = 0
