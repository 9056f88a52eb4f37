"""What a customer asks for and what comes of it."""

from dataclasses import dataclass, field
from enum import StrEnum

from deployments.events import EndRecord
from deployments.findings import Finding
from deployments.phase import Phase
from deployments.reasons import Reason
from deployments.step import Counts, Diagnostic, Output
from deployments.timings import PhaseTimeouts

__all__ = [
    "ApprovalPolicy",
    "CancelRequest",
    "DeploymentRequest",
    "DeploymentResult",
    "Operation",
    "Stack",
    "Status",
]


class Status(StrEnum):
    """Where a deployment stands; the rules between them are in `transitions`."""

    QUEUED = "queued"
    RUNNING = "running"
    AWAITING_APPROVAL = "awaiting_approval"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DISCARDED = "discarded"
    NEEDS_ATTENTION = "needs_attention"


class Operation(StrEnum):
    """What terraform is to do with the stack."""

    DEPLOY = "deploy"
    DESTROY = "destroy"


class ApprovalPolicy(StrEnum):
    """When a person must agree to the plan."""

    AUTO = "auto"
    IF_DESTRUCTIVE = "if_destructive"
    ALWAYS = "always"


@dataclass(frozen=True)
class Stack:
    """One customer installation; it owns one Terraform state."""

    template: str
    project_id: str
    prefix: str

    @property
    def id(self) -> str:
        """Readable id. No part can hold a dot, so it is unambiguous."""
        return f"{self.template}.{self.project_id}.{self.prefix}"


@dataclass(frozen=True)
class DeploymentRequest:
    """What was asked, already checked by `requests.check`.

    `variables_json` is a JSON object and travels as text: terraform gets every string and number
    byte for byte as the customer wrote it (tried: a var file is never evaluated). Sensitive ones
    travel in `encrypted_variables` (`secret_variables.hide`).
    """

    stack: Stack
    region: str
    storage_location: str
    variables_json: str = "{}"
    operation: Operation = Operation.DEPLOY
    approval: ApprovalPolicy = ApprovalPolicy.AUTO
    timeouts: PhaseTimeouts = field(default_factory=PhaseTimeouts)
    encrypted_variables: str = ""


@dataclass(frozen=True)
class CancelRequest:
    """Who asked for the cancel and why."""

    by: str
    reason: str = ""


@dataclass(frozen=True)
class DeploymentResult:
    """How a deployment ended: what a reader needs when no worker is up.

    Kept in the workflow's memo, so it stays below 16 KB (`results.fit`).
    `changed` and `not_applied` are resource addresses; `unrecorded` were made but are not in
    the state; of `unknown` nobody can say. `findings` say what stood in the way.
    """

    status: Status
    reason: Reason
    phase: Phase
    detail: str = ""
    counts: Counts = field(default_factory=Counts)
    changed: list[str] = field(default_factory=list)
    not_applied: list[str] = field(default_factory=list)
    unrecorded: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    seals: list[EndRecord] = field(default_factory=list)
    plan_sha256: str = ""
    cancel: CancelRequest | None = None
    cancel_too_late: bool = False
    host: str = ""
    terraform_version: str = ""
    ended_at: str = ""
    omitted: int = 0
    findings: list[Finding] = field(default_factory=list)
