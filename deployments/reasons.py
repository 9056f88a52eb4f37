"""Why a deployment is where it is: each cause with a sentence and what to do next."""

import re
from dataclasses import dataclass
from enum import StrEnum

from deployments.errors import Audience

__all__ = ["Explanation", "Reason", "audience_of", "explain"]


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
    PROJECT_NOT_FOUND = "project_not_found"
    PROJECT_INACTIVE = "project_inactive"
    LOCATION_MISMATCH = "location_mismatch"
    NOT_CHECKED = "not_checked"
    PREFLIGHT_FAILED = "preflight_failed"
    PERMISSION_DENIED = "permission_denied"
    SIGN_IN_EXPIRED = "sign_in_expired"
    BILLING_DISABLED = "billing_disabled"
    API_DISABLED = "api_disabled"
    POLICY_FORBIDS = "policy_forbids"
    QUOTA_EXCEEDED = "quota_exceeded"
    RATE_LIMITED = "rate_limited"
    KEEPS_FAILING = "keeps_failing"
    ALREADY_EXISTS = "already_exists"
    NAME_TAKEN = "name_taken"
    IMPORT_TARGET_MISSING = "import_target_missing"
    CONCURRENT_CHANGE = "concurrent_change"
    IDENTITY_PROPAGATING = "identity_propagating"
    BUILD_FAILED = "build_failed"
    GOOGLE_UNAVAILABLE = "google_unavailable"
    GOOGLE_UNREACHABLE = "google_unreachable"
    PLAN_STALE = "plan_stale"
    STATE_REPLACED = "state_replaced"
    STATE_UNREACHABLE = "state_unreachable"
    STATE_NOT_SAVED = "state_not_saved"
    PROVIDERS_MISSING = "providers_missing"
    OUTCOME_UNKNOWN = "outcome_unknown"
    UNRECORDED_RESOURCES = "unrecorded_resources"
    TERMINATED_BY_OPERATOR = "terminated_by_operator"
    INTERNAL_ERROR = "internal_error"


@dataclass(frozen=True)
class Explanation:
    """A sentence for people, and what to do next."""

    message: str
    next_step: str


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
    Reason.PLAN_FAILED: Explanation("terraform plan failed; a plan changes nothing.", _LOOK),
    Reason.APPLY_FAILED: Explanation(
        "terraform apply failed; what was made before is recorded in the state.", _LOOK
    ),
    Reason.INIT_TIMED_OUT: Explanation("terraform init took longer than allowed.", _DEPLOY_AGAIN),
    Reason.PLAN_TIMED_OUT: Explanation(
        "terraform plan took longer than allowed; a plan changes nothing.", _DEPLOY_AGAIN
    ),
    Reason.APPLY_TIMED_OUT: Explanation(
        "terraform apply took longer than allowed and was stopped; the state was kept.",
        "Deploy again with a longer timeouts.apply_seconds; finished resources are not repeated.",
    ),
    Reason.INIT_STALLED: Explanation("terraform init made no progress.", _DEPLOY_AGAIN),
    Reason.PLAN_STALLED: Explanation(
        "terraform plan made no progress; a plan changes nothing.", _DEPLOY_AGAIN
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
    Reason.PROJECT_NOT_FOUND: Explanation(
        "There is no such project, or you may not see it.",
        "Check the project id, and that you are signed in as somebody who works in it.",
    ),
    Reason.PROJECT_INACTIVE: Explanation(
        "The project is not active: it is going to be deleted.",
        "Restore it at https://console.cloud.google.com/cloud-resource-manager, or use another "
        "project.",
    ),
    Reason.LOCATION_MISMATCH: Explanation(
        "A location does not fit.", "Deploy with a location that the finding names."
    ),
    Reason.NOT_CHECKED: Explanation(
        "Something could not be checked before the deployment.",
        "Nothing to do: terraform will tell if it stands in the way.",
    ),
    Reason.PREFLIGHT_FAILED: Explanation(
        "The project could not be checked, so nothing was begun.",
        "Deploy again in a few minutes; if that does not help, an operator must look at the "
        "worker's network: docs/runbooks/host-fault.md.",
    ),
    Reason.PERMISSION_DENIED: Explanation(
        "A permission in the project is missing.",
        "Ask an owner of the project to grant it, then deploy again.",
    ),
    Reason.SIGN_IN_EXPIRED: Explanation(
        "Google does not accept the sign-in any more.", "Sign in again, then deploy again."
    ),
    Reason.BILLING_DISABLED: Explanation(
        "The project has no active billing account.",
        "Link one at https://console.cloud.google.com/billing/linkedaccount, then deploy again.",
    ),
    Reason.API_DISABLED: Explanation(
        "An API that the stack needs is switched off, or was switched on just now.",
        "It is tried again for some minutes; if that does not help, switch the API on and deploy "
        "again.",
    ),
    Reason.POLICY_FORBIDS: Explanation(
        "A policy of the organisation forbids what the stack needs.",
        "Ask an administrator of the organisation for an exception, then deploy again: "
        "docs/runbooks/organisation-policy.md.",
    ),
    Reason.QUOTA_EXCEEDED: Explanation(
        "A quota of the project is used up.",
        "Raise it at https://console.cloud.google.com/iam-admin/quotas or remove what is not "
        "needed, then deploy again: docs/runbooks/google-keeps-refusing.md.",
    ),
    Reason.RATE_LIMITED: Explanation(
        "Google answers that there are too many requests.",
        "It is tried again by itself; if that does not help, deploy again later: "
        "docs/runbooks/google-keeps-refusing.md.",
    ),
    Reason.KEEPS_FAILING: Explanation(
        "A resource takes far longer than usual: Google probably keeps refusing it.",
        "Terraform tries on by itself, for up to 20 minutes; wait, or cancel and look at quotas: "
        "docs/runbooks/google-keeps-refusing.md.",
    ),
    Reason.ALREADY_EXISTS: Explanation(
        "A resource of this name exists already, but not in the stack's state.",
        "Deploy again to have it adopted, or use another prefix: docs/runbooks/already-exists.md.",
    ),
    Reason.NAME_TAKEN: Explanation(
        "A name belongs to somebody else.", "Deploy with another prefix."
    ),
    Reason.IMPORT_TARGET_MISSING: Explanation(
        "A resource that was to be adopted is not there any more.", _DEPLOY_AGAIN
    ),
    Reason.CONCURRENT_CHANGE: Explanation(
        "Somebody else changes the project at the same time.",
        "It is tried again by itself; if that does not help, deploy again later.",
    ),
    Reason.IDENTITY_PROPAGATING: Explanation(
        "Google does not know a service account yet that was just made.", _DEPLOY_AGAIN
    ),
    Reason.BUILD_FAILED: Explanation(
        "Google could not build a function.",
        "An operator must look at the build's log: docs/runbooks/build-failed.md.",
    ),
    Reason.GOOGLE_UNAVAILABLE: Explanation(
        "A service of Google's does not work just now.",
        "It is tried again by itself; if that does not help, deploy again when "
        "https://status.cloud.google.com shows no outage.",
    ),
    Reason.GOOGLE_UNREACHABLE: Explanation(
        "The host cannot reach Google.",
        "It is tried again by itself; if that does not help, an operator must look at the host's "
        "network: docs/runbooks/host-fault.md.",
    ),
    Reason.PLAN_STALE: Explanation(
        "The stack's state was changed after the plan was made.", _DEPLOY_AGAIN
    ),
    Reason.STATE_REPLACED: Explanation(
        "The stack's state is another one than the plan was made from.",
        "An operator must find out who replaced it: docs/runbooks/state-store.md.",
    ),
    Reason.STATE_UNREACHABLE: Explanation(
        "The store of the stack's Terraform state does not answer.",
        "It is tried again by itself; if that does not help, an operator must look: "
        "docs/runbooks/state-store.md.",
    ),
    Reason.STATE_NOT_SAVED: Explanation(
        "Terraform could not save the stack's state.",
        "An operator must look before the stack is deployed again: docs/runbooks/state-store.md.",
    ),
    Reason.PROVIDERS_MISSING: Explanation(
        "The host does not have the providers that the template needs.",
        "An operator must look at the provider mirror: docs/runbooks/providers-missing.md.",
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
    return Explanation(found.message, _AGAIN.sub(r"\1estroy", found.next_step))


# An operator of this service must act; on every other reason the user can.
_FOR_OPERATORS = frozenset(
    {
        Reason.PREPARE_FAILED,
        Reason.START_FAILED,
        Reason.HOST_LOST,
        Reason.BUILD_FAILED,
        Reason.GOOGLE_UNREACHABLE,
        Reason.STATE_REPLACED,
        Reason.STATE_UNREACHABLE,
        Reason.STATE_NOT_SAVED,
        Reason.PROVIDERS_MISSING,
        Reason.INTERNAL_ERROR,
    }
)


def audience_of(reason: Reason) -> Audience:
    """Who must act on a reason."""
    return Audience.OPERATOR if reason in _FOR_OPERATORS else Audience.USER
