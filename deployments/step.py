"""The order and the result of a step, which is a piece of terraform work."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, field

from deployments.events import EndRecord
from deployments.imports import Import
from deployments.open_enum import OpenEnum
from deployments.payload_size import Cuttable, Omissible
from deployments.phase import Phase
from deployments.timings import StopLadder

__all__ = [
    "ActivityToken",
    "Counts",
    "Diagnostic",
    "Output",
    "Resource",
    "ResourceStatus",
    "SilentChange",
    "StepKey",
    "StepOrder",
    "StepOutcome",
    "StepResult",
    "StopCause",
    "last_step",
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


@dataclass(frozen=True)
class ActivityToken:
    """The activity attempt that a step belongs to; `token` is Temporal's task token.

    A step's claim stores the token. `may_start` is true only in the first attempt of the first
    scheduling. Every other attempt attaches to the step's folder and starts no terraform.
    """

    token: bytes
    attempt: int
    workflow_id: str
    run_id: str
    phase: Phase
    may_start: bool


class StopCause(OpenEnum):
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
    DISK_FULL = "disk_full"


@dataclass(frozen=True)
class StepOrder:
    """All that a step needs; stored in `step.json` before the start and fixed from then on.

    `plan_sha256` is the hash of the plan file that an apply must find, `imports` are existing
    resources that a plan imports. A plan with `destroy` destroys the stack; an apply executes the
    plan file. `credential_ref` names the credential for the Google project `project_id`, empty for
    none.
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


class ResourceStatus(OpenEnum):
    """Progress of terraform with a resource.

    `unchanged`: apply found that a planned change is none, which plan could not determine.
    """

    PLANNED = "planned"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    UNCHANGED = "unchanged"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Resource(Cuttable, Omissible):
    """A resource in the progress of a step; times are RFC 3339 UTC.

    `typical_seconds` is the usual duration for the type, 0 when unknown. An `overdue` resource
    takes so much longer that Google is probably refusing the requests. `imported`: the plan takes
    the existing resource into the state, besides the action.
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
    imported: bool = False


@dataclass(frozen=True)
class Counts:
    """Numbers of changes; the first four as terraform's own summary counts them.

    `moved` and `forgotten` resources have another address or none in the state and are otherwise
    unchanged; `outputs` are outputs with another value, `actions` are invoked actions of providers.
    """

    add: int = 0
    change: int = 0
    remove: int = 0
    imported: int = 0
    moved: int = 0
    forgotten: int = 0
    outputs: int = 0
    actions: int = 0

    @property
    def total(self) -> int:
        """Number of changes."""
        return sum(astuple(self))

    @property
    def of_resources(self) -> int:
        """Number of changes of resources; an incomplete apply does not report changed outputs."""
        return self.total - self.outputs - self.actions

    def __add__(self, other: "Counts") -> "Counts":
        """The sum of two."""
        pairs = zip(astuple(self), astuple(other), strict=True)
        return Counts(*map(sum, pairs))


@dataclass(frozen=True)
class SilentChange(Omissible):
    """A planned change of the state alone: terraform prints no message when the change is made.

    `action` is terraform's: import, move or remove.
    """

    action: str
    address: str


@dataclass(frozen=True)
class Diagnostic(Cuttable, Omissible):
    """An error or warning of terraform, with file and line in the template."""

    severity: str
    summary: str
    detail: str = ""
    address: str = ""
    file: str = ""
    line: int = 0


@dataclass(frozen=True)
class Output(Omissible):
    """An output of the stack; `value_json` is empty when the output is sensitive."""

    name: str
    sensitive: bool
    value_json: str = ""


class StepOutcome(OpenEnum):
    """How a step ended."""

    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    START_FAILED = "start_failed"
    SIGN_IN_EXPIRED = "sign_in_expired"
    NOT_STARTED = "not_started"
    RUNNER_LOST = "runner_lost"
    HOST_LOST = "host_lost"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class StepResult(Cuttable):
    """The result of a step. A failed terraform is a result, never an exception.

    `clean`: terraform ended without a kill, so the state is written. `applied`: terraform reported
    that the apply is complete. `signals` counts those of the stop ladder; `diagnostics` are errors,
    or warnings where there is no error. `death` is how terraform died by itself, as sentences;
    `disk_full`: the disk of the host was full at some moment. `limit_seconds` is the limit that
    ended the step, 0 for none. `counts` are the changes that a plan has or that an apply
    made. `unchanged` are the resources whose planned change a complete apply found to be none;
    `silent` are a plan's changes of the state alone.
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
    death: str = ""
    disk_full: bool = False
    limit_seconds: int = 0
    unchanged: list[str] = field(default_factory=list)
    silent: list[SilentChange] = field(default_factory=list)


def last_step(steps: Sequence[StepResult], phase: Phase) -> StepResult | None:
    """The last step of a phase; None where the phase did not begin."""
    return next((step for step in reversed(steps) if step.phase is phase), None)
