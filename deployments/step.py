"""One piece of terraform work: what it is told and what it returns."""

from dataclasses import dataclass, field
from enum import StrEnum

from deployments.events import EndRecord
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
    """Which step of which deployment."""

    deployment: str
    step: int

    @property
    def activity_id(self) -> str:
        """The id of the activity that runs it (Temporal's attempt is no part of any id)."""
        return f"step-{self.step}"


class StopCause(StrEnum):
    """Why terraform was told to stop; the first cause stays."""

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
    """What one step shall do. Written to `step.json`, so it is fixed from then on.

    `imports` is what a plan shall adopt. `destroy`: its plan destroys the stack; an apply does what
    the plan says. `credential_ref`: whose name it uses in the Google project `project_id`; empty
    for nobody's.
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
    """How far terraform has come with one resource."""

    PLANNED = "planned"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Resource:
    """One resource in the progress of a step; times in RFC 3339 UTC.

    `typical_seconds` is what this usually takes for its type, 0 where nobody knows; `overdue`: it
    takes so much longer that it is probably being refused.
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
        """How many changes there are."""
        return self.add + self.change + self.remove + self.imported

    def __add__(self, other: "Counts") -> "Counts":
        """Of two applies together."""
        return Counts(
            self.add + other.add,
            self.change + other.change,
            self.remove + other.remove,
            self.imported + other.imported,
        )


@dataclass(frozen=True)
class Diagnostic:
    """What terraform complains about, and where: file and line in the template."""

    severity: str
    summary: str
    detail: str = ""
    address: str = ""
    file: str = ""
    line: int = 0


@dataclass(frozen=True)
class Output:
    """One output of the stack; `value_json` is empty when it is sensitive."""

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
    """What a step left behind. A terraform that says no is a result, never an error.

    `clean`: terraform ended by itself, so its state is written. `applied`: terraform itself said
    that the apply is complete. `signals` counts what the ladder sent.
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
    seal: EndRecord | None = None
    plan_sha256: str = ""
    error: str = ""
    started_at: str = ""
    ended_at: str = ""
    epoch: int = 0
    omitted: int = 0
