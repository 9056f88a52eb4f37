"""The words people read for a deployment's standing: the same on the page and wherever else."""

from deployments.deployment import Status
from deployments.phase import Phase
from deployments.reasons import Reason

__all__ = ["standing"]

_PHASES = {
    Phase.PREFLIGHT: "Preparing",
    Phase.INIT: "Initialising",
    Phase.PLAN: "Planning",
    Phase.APPROVAL: "Waiting",
    Phase.APPLY: "Applying",
    Phase.FINALIZE: "Finishing",
}
_STATUSES = {
    Status.QUEUED: "Queued",
    Status.RUNNING: "Running",
    Status.AWAITING_APPROVAL: "Needs approval",
    Status.COMPLETED: "Succeeded",
    Status.FAILED: "Failed",
    Status.CANCELLED: "Cancelled",
    Status.DISCARDED: "Discarded",
    Status.NEEDS_ATTENTION: "Needs attention",
}


def standing(status: Status, phase: Phase, reason: Reason, *, cancelling: bool) -> str:
    """One or two words: what it is doing, or how it ended."""
    if status in {Status.QUEUED, Status.RUNNING, Status.AWAITING_APPROVAL} and cancelling:
        return "Cancelling"
    if status is Status.RUNNING:
        return _PHASES.get(phase, _STATUSES[status])
    if reason is Reason.NO_CHANGES:
        return "No changes"
    return _STATUSES[status]
