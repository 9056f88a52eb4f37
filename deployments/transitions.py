"""The one state machine: which status may follow which, and what a caller may do in each."""

from dataclasses import dataclass

from deployments.deployment import Operation, Status

__all__ = ["TRANSITIONS", "Actions", "actions", "is_terminal", "may_follow"]

_ENDS = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.NEEDS_ATTENTION})

TRANSITIONS: dict[Status, frozenset[Status]] = {
    # From queued straight to an end: the stack is busy, no host can prepare, cancelled in time.
    Status.QUEUED: frozenset({Status.RUNNING}) | (_ENDS - {Status.COMPLETED}),
    Status.RUNNING: frozenset({Status.AWAITING_APPROVAL}) | _ENDS,
    Status.AWAITING_APPROVAL: frozenset({Status.RUNNING, Status.DISCARDED})
    | (_ENDS - {Status.COMPLETED}),
    Status.COMPLETED: frozenset(),
    Status.FAILED: frozenset(),
    Status.CANCELLED: frozenset(),
    Status.DISCARDED: frozenset(),
    Status.NEEDS_ATTENTION: frozenset(),
}


@dataclass(frozen=True)
class Actions:
    """What a caller may do now."""

    can_cancel: bool
    can_force_cancel: bool
    can_approve: bool = False
    can_discard: bool = False
    can_retry: bool = False
    can_destroy: bool = False


def may_follow(now: Status, then: Status) -> bool:
    """Whether `then` may come after `now`; staying is always allowed."""
    return now == then or then in TRANSITIONS[now]


def is_terminal(status: Status) -> bool:
    """Whether nothing can follow."""
    return not TRANSITIONS[status]


def actions(
    status: Status, *, cancel_requested: bool, operation: Operation = Operation.DEPLOY
) -> Actions:
    """What may be asked of a deployment in this status.

    Its stack may be destroyed once it has ended, unless it was destroyed by it. Approval and retry
    come with their own issues and answer `not_available` until then.
    """
    alive = not is_terminal(status)
    return Actions(
        can_cancel=alive and not cancel_requested,
        # Force is the second step: it may lose state, so the gentle one comes first.
        can_force_cancel=alive and cancel_requested,
        can_destroy=not alive
        and not (operation is Operation.DESTROY and status is Status.COMPLETED),
    )
