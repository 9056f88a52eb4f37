"""A deployment's request, statuses and result."""

import json
from dataclasses import dataclass, field

from deployments.events import EndRecord
from deployments.findings import Finding
from deployments.open_enum import OpenEnum
from deployments.payload_size import Cuttable, cut
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
    "PreparedHost",
    "Stack",
    "Status",
]

# The reason text of a cancel is this prefix and a JSON object; any other text is an operator's.
CANCEL_PREFIX = "anava:"
# The tenant of every stack while there is no sign-in.
DEFAULT_TENANT = "local"


class Status(OpenEnum):
    """The status of a deployment; `transitions` has the rules."""

    QUEUED = "queued"
    RUNNING = "running"
    AWAITING_APPROVAL = "awaiting_approval"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DISCARDED = "discarded"
    NEEDS_ATTENTION = "needs_attention"
    UNKNOWN = "unknown"


class Operation(OpenEnum):
    """The work of a deployment on the stack."""

    DEPLOY = "deploy"
    DESTROY = "destroy"
    DRIFT = "drift"
    REPAIR = "repair"
    UNKNOWN = "unknown"


class ApprovalPolicy(OpenEnum):
    """When a person must approve the plan."""

    AUTO = "auto"
    IF_DESTRUCTIVE = "if_destructive"
    ALWAYS = "always"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Stack:
    """A customer installation, which owns a Terraform state."""

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
    """The request of a deployment, checked by `requests.check`.

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
class PreparedHost:
    """The host that has admitted a deployment, and the versions that the deployment runs with.

    `template_version` is the first 12 hex digits of a SHA-256 over the template's files. `warnings`
    name what earlier deployments of the stack left.
    """

    host: str
    terraform_version: str
    template_version: str = ""
    warnings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True)
class CancelRequest(Cuttable):
    """A cancel: by whom, and why. `by` is empty for an operator who used Temporal."""

    by: str
    reason: str = ""

    def encode(self) -> str:
        """Format the request as the reason text of a Temporal cancel."""
        return CANCEL_PREFIX + json.dumps({"by": self.by, "reason": self.reason})

    @classmethod
    def decode(cls, text: str) -> "CancelRequest":
        """Parse the reason text of a Temporal cancel; `by` is empty for an operator's cancel.

        Temporal accepts a reason of 3 MB (measured), so long texts are cut.
        """
        by, reason = "", text
        if text.startswith(CANCEL_PREFIX):
            try:
                content = json.loads(text.removeprefix(CANCEL_PREFIX))
                by, reason = str(content["by"]), str(content.get("reason", ""))
            except (ValueError, KeyError, TypeError, AttributeError):
                pass
        return cls(by=cut(by), reason=cut(reason))


@dataclass(frozen=True)
class DeploymentResult(Cuttable):
    """How a deployment ended: all that a reader needs when no worker is up.

    Stored in the workflow's memo, shortened by `results.fit_to_memo`; the artifact `record.json` is
    complete. `changed`, `not_applied`, `tainted` (created in part: the next deployment replaces
    them), `unchanged` (planned, and found to need no change), `unrecorded` (they exist and the
    state lacks them) and `unknown` (their existence cannot be determined) are resource addresses.
    `counts` are the changes that were made, `planned` those that were planned. `errors` starts with
    the deciding cause. `omitted_outputs` names outputs that did not fit, `omitted` counts all other
    entries that did not fit. No `revision` is recorded yet.
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
    seals: list[EndRecord] = field(default_factory=list)
    plan_sha256: str = ""
    cancel: CancelRequest | None = None
    cancel_too_late: bool = False
    host: str = ""
    terraform_version: str = ""
    ended_at: str = ""
    omitted: int = 0
    template_version: str = ""
    revision: int | None = None
    planned: Counts = field(default_factory=Counts)
    unchanged: list[str] = field(default_factory=list)
    omitted_outputs: list[str] = field(default_factory=list)
    tainted: list[str] = field(default_factory=list)
