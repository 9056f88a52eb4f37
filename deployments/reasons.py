"""Why a deployment is where it is: each cause with a sentence and what to do next."""

import re
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Explanation", "Reason", "explain"]


class Reason(StrEnum):
    """A named cause. Kept in search attributes, so a name never changes its meaning."""

    NONE = "none"
    APPLIED = "applied"
    NO_CHANGES = "no_changes"
    DESTROYED = "destroyed"
    NOTHING_TO_DESTROY = "nothing_to_destroy"
    CANCELLED_BY_USER = "cancelled_by_user"
    CANCELLED_BY_OPERATOR = "cancelled_by_operator"
    STACK_BUSY = "stack_busy"
    STATE_LOCKED = "state_locked"
    PREPARE_FAILED = "prepare_failed"
    START_FAILED = "start_failed"
    INIT_FAILED = "init_failed"
    PLAN_FAILED = "plan_failed"
    APPLY_FAILED = "apply_failed"
    INIT_TIMED_OUT = "init_timed_out"
    PLAN_TIMED_OUT = "plan_timed_out"
    APPLY_TIMED_OUT = "apply_timed_out"
    INIT_STALLED = "init_stalled"
    PLAN_STALLED = "plan_stalled"
    APPLY_STALLED = "apply_stalled"
    HOST_STOPPED = "host_stopped"
    LEASE_LOST = "lease_lost"
    RUNNER_LOST = "runner_lost"
    HOST_LOST = "host_lost"
    OUTCOME_UNKNOWN = "outcome_unknown"
    UNRECORDED_RESOURCES = "unrecorded_resources"
    TERMINATED_BY_OPERATOR = "terminated_by_operator"
    INTERNAL_ERROR = "internal_error"


@dataclass(frozen=True)
class Explanation:
    """A sentence for people, and what to do next."""

    sentence: str
    advice: str


# "deploy again", "deploy the stack again".
_AGAIN = re.compile(r"\b([Dd])eploy(?= (the stack )?again)")

_DEPLOY_AGAIN = "Nothing is lost: deploy the stack again to go on from where it stands."
_LOOK = "Read the diagnostic and the log, correct the cause, then deploy again."
_SETTLE = (
    "Compare the named resources with the project before you deploy again: "
    "docs/runbooks/needs-attention.md."
)

_EXPLANATIONS: dict[Reason, Explanation] = {
    Reason.NONE: Explanation("The deployment is on its way.", ""),
    Reason.APPLIED: Explanation("All planned changes were made.", ""),
    Reason.NO_CHANGES: Explanation("The stack already was as it should be: no changes.", ""),
    Reason.DESTROYED: Explanation(
        "The stack was destroyed.",
        "GET /api/destruction says what stays in the project and what Google keeps for a while.",
    ),
    Reason.NOTHING_TO_DESTROY: Explanation(
        "There was nothing to destroy: the state holds no resource.", ""
    ),
    Reason.CANCELLED_BY_USER: Explanation("The deployment was cancelled.", _DEPLOY_AGAIN),
    Reason.CANCELLED_BY_OPERATOR: Explanation(
        "An operator cancelled the deployment through Temporal.", _DEPLOY_AGAIN
    ),
    Reason.STACK_BUSY: Explanation(
        "Another deployment is working on this stack.",
        "Wait until it has ended, or cancel it, then deploy again.",
    ),
    Reason.STATE_LOCKED: Explanation(
        "Somebody else holds the lock of this stack's Terraform state.",
        "Wait until the other terraform has ended; the diagnostic says who holds the lock.",
    ),
    Reason.PREPARE_FAILED: Explanation(
        "No host could prepare the deployment.",
        "An operator must look: docs/runbooks/host-fault.md.",
    ),
    Reason.START_FAILED: Explanation(
        "Terraform could not be started on the host.",
        "An operator must look: docs/runbooks/host-fault.md.",
    ),
    Reason.INIT_FAILED: Explanation("terraform init failed.", _LOOK),
    Reason.PLAN_FAILED: Explanation("terraform plan failed; nothing was changed.", _LOOK),
    Reason.APPLY_FAILED: Explanation(
        "terraform apply failed; what was made before is recorded in the state.", _LOOK
    ),
    Reason.INIT_TIMED_OUT: Explanation("terraform init took longer than allowed.", _DEPLOY_AGAIN),
    Reason.PLAN_TIMED_OUT: Explanation(
        "terraform plan took longer than allowed; nothing was changed.", _DEPLOY_AGAIN
    ),
    Reason.APPLY_TIMED_OUT: Explanation(
        "terraform apply took longer than allowed and was stopped; the state was kept.",
        "Deploy again with a longer timeouts.apply_seconds; finished resources are not repeated.",
    ),
    Reason.INIT_STALLED: Explanation("terraform init made no progress.", _DEPLOY_AGAIN),
    Reason.PLAN_STALLED: Explanation(
        "terraform plan made no progress; nothing was changed.", _DEPLOY_AGAIN
    ),
    Reason.APPLY_STALLED: Explanation(
        "terraform apply made no progress and was stopped; the state was kept.", _DEPLOY_AGAIN
    ),
    Reason.HOST_STOPPED: Explanation(
        "The host was being shut down, so terraform was stopped; the state was kept.",
        _DEPLOY_AGAIN,
    ),
    Reason.LEASE_LOST: Explanation(
        "The host could not reach Temporal for too long, so terraform was stopped.", _DEPLOY_AGAIN
    ),
    Reason.RUNNER_LOST: Explanation(
        "The process that watches terraform was killed; terraform stopped itself.", _SETTLE
    ),
    Reason.HOST_LOST: Explanation(
        "The host of this deployment did not come back.",
        "Bring the host back or look at its disk: docs/runbooks/needs-attention.md.",
    ),
    Reason.OUTCOME_UNKNOWN: Explanation(
        "Terraform had to be killed, so it is not known what became of some resources.", _SETTLE
    ),
    Reason.UNRECORDED_RESOURCES: Explanation(
        "Resources were created that the state does not hold.", _SETTLE
    ),
    Reason.TERMINATED_BY_OPERATOR: Explanation(
        "An operator terminated the workflow; its worker stops terraform by itself.", _SETTLE
    ),
    Reason.INTERNAL_ERROR: Explanation(
        "This service made a mistake.", "Report it with the deployment's id; " + _SETTLE
    ),
}


def explain(reason: Reason, *, destroy: bool = False) -> Explanation:
    """The sentence and the advice of a reason.

    Args:
        reason: why it is where it is.
        destroy: whether the stack was to be destroyed; then that is what is done again.
    """
    found = _EXPLANATIONS[reason]
    if not destroy:
        return found
    return Explanation(found.sentence, _AGAIN.sub(r"\1estroy", found.advice))
