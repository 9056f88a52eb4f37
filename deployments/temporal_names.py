"""Names that Temporal knows us by: task queues, search attributes, memo fields."""

from enum import StrEnum

__all__ = [
    "CANCEL_PREFIX",
    "SHARED_QUEUE",
    "WORKER_REPORT_SECONDS",
    "Attribute",
    "Memo",
    "Signal",
    "host_queue",
    "stack_holder_id",
]

SHARED_QUEUE = "anava"

# How often a worker tells Temporal of itself and its slots; Temporal's own 60 s are long to wait
# for whoever asks whether there is one.
WORKER_REPORT_SECONDS = 10

# A cancel's reason text is this and a JSON object; an empty text is an operator through Temporal.
CANCEL_PREFIX = "anava:"


def host_queue(host: str) -> str:
    """The task queue of one host."""
    return f"anava@{host}"


def stack_holder_id(stack: str) -> str:
    """The workflow id that is held while a deployment works on the stack."""
    return f"turn-{stack}"


class Attribute(StrEnum):
    """Search attributes, all of type Keyword. They are not encrypted."""

    STATUS = "AnavaStatus"
    PHASE = "AnavaPhase"
    OWNER = "AnavaOwner"
    STACK = "AnavaStack"
    OPERATION = "AnavaOperation"
    REASON = "AnavaReason"


class Memo(StrEnum):
    """Memo fields: what a reader needs without any worker."""

    REQUEST = "request"
    REQUEST_SHA256 = "request_sha256"
    CREATED_AT = "created_at"
    STARTED_AT = "started_at"
    HOST = "host"
    RESULT = "result"


class Signal(StrEnum):
    """Signals that workers send, so that no adapter needs to know the workflow."""

    OVERDUE = "overdue"
