"""The state machine: which status may follow which, and which actions each status allows."""

from dataclasses import dataclass

from deployments.deployment import Operation, Status

__all__ = ["TRANSITIONS", "Actions", "actions", "is_terminal", "may_follow"]

_ENDS = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.NEEDS_ATTENTION})

TRANSITIONS: dict[Status, frozenset[Status]] = {
    # A status without a row below is final.
    **dict.fromkeys(Status, frozenset()),
    # A queued deployment ends when the stack is busy, no host can prepare, or a cancel came.
    Status.QUEUED: frozenset({Status.RUNNING}) | (_ENDS - {Status.COMPLETED}),
    Status.RUNNING: frozenset({Status.AWAITING_APPROVAL}) | _ENDS,
    Status.AWAITING_APPROVAL: frozenset({Status.RUNNING, Status.DISCARDED})
    | (_ENDS - {Status.COMPLETED}),
}


@dataclass(frozen=True)
class Actions:
    """The actions that a caller may take now."""

    can_cancel: bool
    can_force_cancel: bool
    can_approve: bool = False
    can_discard: bool = False
    can_retry: bool = False
    can_destroy: bool = False


def may_follow(now: Status, then: Status) -> bool:
    """Whether status `then` may follow `now`; a status may follow itself."""
    return now == then or then in TRANSITIONS[now]


def is_terminal(status: Status) -> bool:
    """Whether no other status can follow."""
    return not TRANSITIONS[status]


def actions(
    status: Status, *, cancel_requested: bool, operation: Operation = Operation.DEPLOY
) -> Actions:
    """The actions that a deployment's status allows.

    An ended deployment allows a destroy of the stack, unless it was a destroy that completed.
    Approval and retry are not built yet and answer `not_available`.
    """
    alive = not is_terminal(status)
    return Actions(
        can_cancel=alive and not cancel_requested,
        # A forced cancel can lose state, so a normal cancel must come first.
        can_force_cancel=alive and cancel_requested,
        can_destroy=not alive
        and not (operation is Operation.DESTROY and status is Status.COMPLETED),
    )
