"""Labels of a deployment for people, shared by pages and streams."""

from deployments.deployment import Status
from deployments.explanations import Actor
from deployments.phase import PHASES, Phase
from deployments.reasons import Reason

__all__ = ["other_actor_label", "source_label", "status_label"]

_STATUSES = {
    Status.QUEUED: "Queued",
    Status.RUNNING: "Running",
    Status.AWAITING_APPROVAL: "Needs approval",
    Status.COMPLETED: "Succeeded",
    Status.FAILED: "Failed",
    Status.CANCELLED: "Cancelled",
    Status.DISCARDED: "Discarded",
    Status.NEEDS_ATTENTION: "Needs attention",
    Status.UNKNOWN: "Needs attention",
}
_ENDS = {
    Reason.NO_CHANGES: "No changes",
    Reason.DESTROYED: "Destroyed",
    Reason.NOTHING_TO_DESTROY: "Nothing to destroy",
}

# The person is the reader, to whom the next step speaks already.
_OTHER_ACTORS: dict[str, str] = {
    Actor.ADMINISTRATOR: "an owner of the project, or an administrator of its organisation",
    Actor.SERVICE: "the operators of this service",
    Actor.GOOGLE: "Google",
}


def other_actor_label(actor: str) -> str:
    """Who else than the reader must act on an error; empty for the reader and an unknown name."""
    return _OTHER_ACTORS.get(actor, "")


def status_label(
    status: Status, phase: Phase, reason: Reason, *, cancelling: bool, destroying: bool = False
) -> str:
    """The present activity or the end of a deployment, in a few words."""
    if reason is Reason.STUCK:
        return "Stuck"
    if status in {Status.QUEUED, Status.RUNNING, Status.AWAITING_APPROVAL} and cancelling:
        return "Cancelling"
    if status is Status.RUNNING and destroying and phase is Phase.APPLY:
        return "Destroying"
    if status is Status.RUNNING:
        return PHASES[phase].label
    return _ENDS.get(reason, _STATUSES[status])


def source_label(source: str, *, again: bool) -> str:
    """The source of a followed log; `again` after a return to the usual source."""
    return f"reading from {source}{' again' if again else ''}"
