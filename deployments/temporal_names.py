"""Names under which Temporal stores this service's workflows and their fields."""

from enum import StrEnum

__all__ = [
    "DEPLOYMENT_WORKFLOW",
    "REPORTED_PROBLEMS",
    "SHARED_QUEUE",
    "STACK_RECORD_WORKFLOW",
    "WORKER_REPORT_SECONDS",
    "Attribute",
    "Memo",
    "Signal",
    "host_queue",
    "stack_holder_id",
    "stack_record_id",
]

DEPLOYMENT_WORKFLOW = "DeploymentWorkflow"
STACK_RECORD_WORKFLOW = "StackRecordWorkflow"
SHARED_QUEUE = "anava"
# Set by servers of 1.30 and later while the workflow task of an execution fails again and again:
# https://docs.temporal.io/search-attribute
REPORTED_PROBLEMS = "TemporalReportedProblems"

# Interval of a worker's report of its slots. With Temporal's default of 60 s, `/api/worker/health`
# shows a new worker up to a minute late.
WORKER_REPORT_SECONDS = 10


def host_queue(host: str) -> str:
    """The task queue of a host."""
    return f"anava@{host}"


def stack_holder_id(stack: str) -> str:
    """The workflow id that marks a stack as held by a deployment."""
    return f"stack-{stack}"


def stack_record_id(stack: str) -> str:
    """The id of the workflow whose memo records where a stack's state lies."""
    return f"stack-record-{stack}"


class Attribute(StrEnum):
    """Search attributes of type Keyword, which Temporal does not encrypt.

    SQL visibility allows 10 Keywords per namespace.
    """

    STATUS = "AnavaStatus"
    PHASE = "AnavaPhase"
    TENANT = "AnavaTenant"
    OWNER = "AnavaOwner"
    STACK = "AnavaStack"
    OPERATION = "AnavaOperation"
    REASON = "AnavaReason"


class Memo(StrEnum):
    """Memo fields, readable without a worker."""

    REQUEST = "request"
    REQUEST_SHA256 = "request_sha256"
    STARTED_AT = "started_at"
    HOST = "host"
    RESULT = "result"


class Signal(StrEnum):
    """Signals of the deployment workflow."""

    FORCE_CANCEL = "force_cancel"
    OVERDUE = "overdue"
