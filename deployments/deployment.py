"""A deployment's request, its statuses and its result."""

from dataclasses import dataclass, field
from enum import StrEnum

from deployments.events import Seal
from deployments.findings import Finding
from deployments.phase import Phase
from deployments.reasons import Reason
from deployments.step import Counts, Output
from deployments.timings import PhaseTimeouts

__all__ = [
    "DEFAULT_TENANT",
    "ApprovalPolicy",
    "CancelRequest",
    "DeploymentRequest",
    "DeploymentResult",
    "Operation",
    "Stack",
    "Status",
]


# The tenant of every stack while there is no sign-in.
DEFAULT_TENANT = "local"


class Status(StrEnum):
    """Where a deployment is in its life; `transitions` has the rules between them."""

    QUEUED = "queued"
    RUNNING = "running"
    AWAITING_APPROVAL = "awaiting_approval"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DISCARDED = "discarded"
    NEEDS_ATTENTION = "needs_attention"


class Operation(StrEnum):
    """What a deployment does with its stack."""

    DEPLOY = "deploy"
    DESTROY = "destroy"
    DRIFT = "drift"
    REPAIR = "repair"


class ApprovalPolicy(StrEnum):
    """When a person must approve the plan."""

    AUTO = "auto"
    IF_DESTRUCTIVE = "if_destructive"
    ALWAYS = "always"


@dataclass(frozen=True)
class Stack:
    """One customer installation; it owns one Terraform state."""

    template: str
    project_id: str
    prefix: str
    tenant: str = DEFAULT_TENANT

    @property
    def id(self) -> str:
        """Readable and unambiguous: no part can contain a dot."""
        return f"{self.tenant}.{self.template}.{self.project_id}.{self.prefix}"


@dataclass(frozen=True)
class DeploymentRequest:
    """What a deployment shall do, checked by `requests.check`.

    `variables_json` is a JSON object as text: terraform gets every string and number byte for byte
    as the customer wrote it (tried: a var file is never evaluated). Sensitive variables travel in
    `encrypted_variables` (`secret_variables.encrypt_variables`).
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
    """A cancel: by whom, and why. `by` is empty for an operator who used Temporal."""

    by: str
    reason: str = ""


@dataclass(frozen=True)
class DeploymentResult:
    """How a deployment ended: all that a reader needs when no worker is up.

    Stored in the workflow's memo, so `results.fit_to_memo` limits it to 16 KB.

    Attributes:
        status: always terminal.
        reason: why it ended so.
        phase: the last phase before finalize.
        detail: text of an error outside terraform.
        counts: what was changed; what was planned where the apply did not complete.
        changed: addresses of changed resources.
        not_applied: addresses of planned changes that did not happen.
        unrecorded: addresses of resources that exist and that the state lacks.
        unknown: addresses of resources whose existence cannot be determined.
        errors: what went wrong, the deciding cause first.
        outputs: of a completed apply.
        seals: end records of the steps' logs.
        plan_sha256: hash of the last plan file.
        cancel: the cancel request, when there was one.
        cancel_too_late: it came after the work was done.
        host: id of the host.
        terraform_version: that host's.
        ended_at: end of the last step, RFC 3339 UTC.
        omitted: number of entries that did not fit.
        template_version: first 12 hex digits of the sha256 over the template's files.
        revision: the stack's revision; none is recorded yet.
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
    errors: list[Finding] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    seals: list[Seal] = field(default_factory=list)
    plan_sha256: str = ""
    cancel: CancelRequest | None = None
    cancel_too_late: bool = False
    host: str = ""
    terraform_version: str = ""
    ended_at: str = ""
    omitted: int = 0
    template_version: str = ""
    revision: int | None = None
