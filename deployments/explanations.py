"""A message, a next step and an audience for each cause of a deployment's status."""

import re
from dataclasses import dataclass, replace

from deployments.errors import Audience
from deployments.open_enum import OpenEnum
from deployments.reasons import Reason

__all__ = ["Actor", "Explanation", "explain", "without_retry"]


class Actor(OpenEnum):
    """Who must act on a cause; `service` is this service with its operators.

    `person` deploys; `administrator` owns the project or administers its organisation.
    """

    PERSON = "person"
    ADMINISTRATOR = "administrator"
    SERVICE = "service"
    GOOGLE = "google"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Explanation:
    """A cause as a sentence, the next step, and who must take that step."""

    message: str
    next_step: str = ""
    audience: Audience = Audience.USER
    actor: Actor = Actor.PERSON


def _operator(message: str, next_step: str) -> Explanation:
    return Explanation(message, next_step, Audience.OPERATOR, Actor.SERVICE)


def _administrator(message: str, next_step: str) -> Explanation:
    return Explanation(message, next_step, actor=Actor.ADMINISTRATOR)


def _google(message: str, next_step: str) -> Explanation:
    return Explanation(message, next_step, actor=Actor.GOOGLE)


# What terraform's refusals lead to, and no refusal outside terraform.
_RETRIES = re.compile(r"The deployment (?:retries|waits,)[^;.]*[;.] [Ii]f ")
# "deploy again", "deploy the stack again".
_AGAIN = re.compile(r"\b([Dd])eploy(?= (the stack )?again)")

_DEPLOY_AGAIN = "Nothing is lost: deploy the stack again to continue from the present state."
_READ_ERRORS = "Read the errors and the log, correct the cause, then deploy again."
_COMPARE = (
    "Compare the named resources with the project before you deploy again: "
    "docs/runbooks/needs-attention.md."
)
_HOST_FAULT = "An operator must repair the host: docs/runbooks/host-fault.md."

_EXPLANATIONS: dict[Reason, Explanation] = {
    Reason.NONE: Explanation("The deployment has not ended."),
    Reason.APPLIED: Explanation("All planned changes were made."),
    Reason.NO_CHANGES: Explanation("The stack is up to date: no changes were needed."),
    Reason.DESTROYED: Explanation(
        "The stack was destroyed.",
        "Nothing to do. Some resources stay in the project, and Google deletes others after 30 "
        "days: `anava destroy` lists both before the confirmation.",
    ),
    Reason.NOTHING_TO_DESTROY: Explanation("The stack has no resources to destroy."),
    Reason.CANCELLED_BY_USER: Explanation("The deployment was cancelled.", _DEPLOY_AGAIN),
    Reason.CANCELLED_BY_OPERATOR: Explanation(
        "An operator cancelled the deployment.", _DEPLOY_AGAIN
    ),
    Reason.STACK_BUSY: Explanation(
        "Another deployment works on this stack.",
        "Wait for the end of the other deployment or cancel it, then deploy again.",
    ),
    Reason.STATE_LOCKED: Explanation(
        "Another terraform has locked the state of this stack.",
        "Wait until the other terraform has ended; the error names the owner of the lock.",
    ),
    Reason.NOT_ACCEPTED_BY_API: _operator(
        "This deployment did not come through the service, or came changed, so nothing was run.",
        "Start the deployment on the page or with `anava deploy`. If that is refused as well, an "
        "operator finds the cause: docs/runbooks/not-accepted.md.",
    ),
    Reason.PREPARE_FAILED: _operator("No host could prepare the deployment.", _HOST_FAULT),
    Reason.START_FAILED: _operator("The host could not start terraform.", _HOST_FAULT),
    Reason.INIT_FAILED: Explanation("terraform init failed.", _READ_ERRORS),
    Reason.PLAN_FAILED: Explanation(
        "terraform plan failed; a plan changes no resource.", _READ_ERRORS
    ),
    Reason.APPLY_FAILED: Explanation(
        "terraform apply failed; the changes before the failure are recorded in the state.",
        _READ_ERRORS,
    ),
    Reason.INIT_TIMED_OUT: Explanation("terraform init exceeded the time limit.", _DEPLOY_AGAIN),
    Reason.PLAN_TIMED_OUT: Explanation(
        "terraform plan exceeded the time limit; a plan changes no resource.", _DEPLOY_AGAIN
    ),
    Reason.APPLY_TIMED_OUT: Explanation(
        "terraform apply exceeded the time limit and was stopped; the state was saved.",
        "Deploy again with a longer time limit for apply; finished resources are not repeated.",
    ),
    Reason.INIT_STALLED: Explanation("terraform init made no progress.", _DEPLOY_AGAIN),
    Reason.PLAN_STALLED: Explanation(
        "terraform plan made no progress; a plan changes no resource.", _DEPLOY_AGAIN
    ),
    Reason.APPLY_STALLED: Explanation(
        "terraform apply made no progress and was stopped; the state was saved.", _DEPLOY_AGAIN
    ),
    Reason.HOST_STOPPED: Explanation(
        "The host was shut down, so terraform was stopped; the state was saved.", _DEPLOY_AGAIN
    ),
    Reason.LEASE_LOST: Explanation(
        "The host lost the connection to the service for too long, so terraform was stopped.",
        _DEPLOY_AGAIN,
    ),
    Reason.RUNNER_LOST: _operator(
        "The process that controls terraform was killed; terraform then stopped.", _COMPARE
    ),
    Reason.HOST_LOST: _operator(
        "The host of this deployment is lost.",
        "Bring the host back or recover the state from its disk: docs/runbooks/needs-attention.md.",
    ),
    Reason.PROJECT_NOT_FOUND: Explanation(
        "The project does not exist, or your account has no access to it.",
        "Check the project id, and sign in with an account that has access to the project.",
    ),
    Reason.PROJECT_INACTIVE: Explanation(
        "The project is marked for deletion.",
        "Restore it at https://console.cloud.google.com/cloud-resource-manager, or use another "
        "project. Destroy the stack before you delete a project: Google cannot delete a project "
        "whose API Gateway remains.",
    ),
    Reason.LOCATION_MISMATCH: Explanation(
        "A location does not match.", "Deploy with a location that the error names."
    ),
    Reason.NOT_CHECKED: Explanation(
        "A check before the deployment was not possible.",
        "Nothing to do: terraform reports the obstacle if there is one.",
    ),
    Reason.PREFLIGHT_FAILED: _operator(
        "The project could not be checked, so nothing was changed.",
        "Deploy again in a few minutes; if the check fails again, an operator must check the "
        "network of the hosts: docs/runbooks/host-fault.md.",
    ),
    Reason.PERMISSION_DENIED: _administrator(
        "A permission in the project is missing.",
        "Ask an owner of the project to grant the permission, then deploy again.",
    ),
    Reason.SIGN_IN_EXPIRED: Explanation(
        "Google no longer accepts the sign-in.", "Sign in again, then deploy again."
    ),
    Reason.BILLING_DISABLED: Explanation(
        "The project has no active billing account.",
        "Link an account at https://console.cloud.google.com/billing/linkedaccount, then deploy "
        "again.",
    ),
    Reason.API_DISABLED: _google(
        "An API that the stack needs is disabled, or was enabled just now.",
        "The deployment retries for some minutes; if the error remains, enable the API and "
        "deploy again.",
    ),
    Reason.POLICY_FORBIDS: _administrator(
        "A policy of the organisation forbids what the stack needs.",
        "Ask an administrator of the organisation for an exception, then deploy again: "
        "docs/runbooks/organisation-policy.md.",
    ),
    Reason.QUOTA_EXCEEDED: Explanation(
        "A quota of the project is used up.",
        "Raise the quota at https://console.cloud.google.com/iam-admin/quotas or remove unused "
        "resources, then deploy again: docs/runbooks/google-keeps-refusing.md.",
    ),
    Reason.RATE_LIMITED: _google(
        "Google refused too many requests in a short time.",
        "The deployment retries by itself; if the error remains, deploy again later: "
        "docs/runbooks/google-keeps-refusing.md.",
    ),
    Reason.KEEPS_FAILING: _google(
        "A resource takes far longer than usual: Google probably keeps refusing it.",
        "Terraform retries by itself for up to 20 minutes; wait, or cancel and check the quotas: "
        "docs/runbooks/google-keeps-refusing.md.",
    ),
    Reason.ALREADY_EXISTS: Explanation(
        "A resource of this name exists already, but not in the stack's state.",
        "Deploy again to import the resource, or use another prefix: "
        "docs/runbooks/already-exists.md.",
    ),
    Reason.NAME_TAKEN: Explanation(
        "Another project uses the name of a resource.", "Deploy with another prefix."
    ),
    Reason.IMPORT_TARGET_MISSING: Explanation(
        "A resource was deleted before the deployment could import it.", _DEPLOY_AGAIN
    ),
    Reason.CONCURRENT_CHANGE: _google(
        "The project was changed by another program at the same time.",
        "The deployment retries by itself; if the error remains, deploy again later.",
    ),
    Reason.IDENTITY_PROPAGATING: _google(
        "A new service account is not yet known everywhere at Google.", _DEPLOY_AGAIN
    ),
    Reason.BUILD_FAILED: _operator(
        "Google could not build a function.",
        "An operator must read the log of the build: docs/runbooks/build-failed.md.",
    ),
    Reason.GOOGLE_UNAVAILABLE: _google(
        "A service of Google is not available.",
        "The deployment retries by itself; if the error remains, deploy again when "
        "https://status.cloud.google.com shows no outage.",
    ),
    Reason.GOOGLE_UNREACHABLE: _operator(
        "The host cannot reach Google.",
        "The deployment retries by itself; if the error remains, an operator must check the "
        "network of the host: docs/runbooks/host-fault.md.",
    ),
    Reason.PLAN_STALE: Explanation(
        "The stack's state was changed after the plan was made.", _DEPLOY_AGAIN
    ),
    Reason.STATE_REPLACED: _operator(
        "The stack's state was replaced after the plan was made.",
        "An operator must find the cause of the replacement: docs/runbooks/state-store.md.",
    ),
    Reason.STATE_UNREACHABLE: _operator(
        "The store of the stack's state does not answer.",
        "The deployment retries by itself; if the error remains, an operator must check the store: "
        "docs/runbooks/state-store.md.",
    ),
    Reason.STATE_NOT_SAVED: _operator(
        "Terraform could not save the stack's state.",
        "An operator must recover the state before the stack is deployed again: "
        "docs/runbooks/state-store.md.",
    ),
    Reason.STATE_RECOVERED: Explanation(
        "Terraform could not save the stack's state. The host saved the state afterwards.",
        _DEPLOY_AGAIN,
    ),
    Reason.STATE_BEING_RECOVERED: Explanation(
        "The store of the stack's state did not answer. The host has the state and saves it as "
        "soon as the store answers.",
        "Deploy again when the store answers. Until the state is saved, the stack accepts no "
        "deployment, so that no resource is made again.",
    ),
    Reason.STATE_ON_ANOTHER_HOST: _operator(
        "The stack's state lies on another host.",
        "Start the workers of the host that the detail names, or move the state: "
        "docs/runbooks/state-store.md.",
    ),
    Reason.PROVIDERS_MISSING: _operator(
        "The host does not have the terraform providers of the template.",
        "An operator must fill the provider mirror: docs/runbooks/providers-missing.md.",
    ),
    Reason.DISK_FULL: _operator(
        "The disk of the host is full, so terraform was stopped or could not start.",
        "An operator must free space on the host: docs/runbooks/disk-full.md. Then deploy again; "
        "what was done is not repeated.",
    ),
    Reason.TERRAFORM_DIED: _operator(
        "Terraform ended unexpectedly: a signal or a crash ended it, not this service.",
        "The detail names the cause; an operator must remove it: "
        "docs/runbooks/terraform-died.md. " + _COMPARE,
    ),
    Reason.WAITING_FOR_HOST: Explanation(
        "The deployment waits for a host with a free place and enough free disk space.",
        "Nothing to do: the deployment starts by itself. After a long wait the hosts need a look: "
        "docs/runbooks/disk-full.md.",
    ),
    Reason.OUTCOME_UNKNOWN: _operator(
        "Terraform had to be killed, so the outcome of some resources is unknown.", _COMPARE
    ),
    Reason.UNRECORDED_RESOURCES: _operator(
        "Resources were created that the stack's state does not contain.", _COMPARE
    ),
    Reason.TERMINATED_BY_OPERATOR: _operator(
        "An operator terminated the deployment; the host stops terraform.", _COMPARE
    ),
    Reason.INTERNAL_ERROR: _operator(
        "The service failed because of an error of its own.",
        "Report the deployment's id. " + _COMPARE,
    ),
    Reason.SIGN_IN_BLOCKED: _administrator(
        "The organisation's Google Workspace does not allow the sign-in to Google Cloud.",
        "Ask an administrator of the Google Workspace to allow the application, then sign in and "
        "deploy again: docs/runbooks/sign-in-blocked.md.",
    ),
    Reason.QUOTA_PROJECT_MISSING: _operator(
        "The service's sign-in names no project for the quota of its requests.",
        "An operator must name a quota project: docs/runbooks/quota-project.md.",
    ),
    Reason.BILLING_QUOTA_EXCEEDED: Explanation(
        "The billing account has reached the number of projects that Google allows.",
        "Unlink a project that you no longer need, or request a higher limit at "
        "https://support.google.com/code/contact/billing_quota_increase; then link the account "
        "and deploy again.",
    ),
    Reason.PROJECT_SUSPENDED: Explanation(
        "Google has suspended the project.",
        "Read Google's message to the owners of the project and appeal "
        "(https://cloud.google.com/resource-manager/docs/project-suspension-guidelines), or use "
        "another project.",
    ),
    Reason.SERVICE_NOT_FOUND: _google(
        "An API is not known in the project yet.",
        "The deployment retries for some minutes. If the error remains, ask an owner of the "
        "project for the permissions servicemanagement.services.bind and "
        "serviceusage.services.enable, then deploy again.",
    ),
    Reason.FIREBASE_TERMS: Explanation(
        "Google refuses to add Firebase and names no missing permission: usually the account has "
        "not accepted the terms of Firebase.",
        "Open https://console.firebase.google.com/ once with the account that deploys, add "
        "Firebase to the project and accept the terms; then deploy again. If the terms are "
        "accepted, ask an owner of the project for the permission firebase.projects.update.",
    ),
    Reason.PERIMETER_FORBIDS: _administrator(
        "VPC Service Controls of the organisation refuse the request.",
        "Ask an administrator of the organisation for an ingress rule to the project's service "
        "perimeter, and name the identifier of the violation; then deploy again: "
        "docs/runbooks/organisation-policy.md.",
    ),
    Reason.BUILD_ROLES_MISSING: _google(
        "The account that builds the functions does not have its roles yet.",
        "The deployment retries for some minutes. If the error remains, ask an owner of the "
        "project to grant the named account its role, then deploy again: "
        "docs/runbooks/build-failed.md.",
    ),
    Reason.RUNTIME_RETIRED: _operator(
        "Google no longer builds functions for the runtime of the template.",
        "An operator must install a version of the service with a supported runtime: "
        "docs/runbooks/build-failed.md.",
    ),
    Reason.DATASTORE_MODE: Explanation(
        "The Firestore database of this id is in Datastore mode, which the cameras cannot use.",
        "Deploy again with another Firestore database id, or change the database to native mode "
        "while it is empty: docs/runbooks/datastore-mode.md.",
    ),
    Reason.IDENTITY_REPLACED: Explanation(
        "A service account was deleted and made again: Google keeps the roles of the deleted "
        "account, and the new account has none of them.",
        "Remove the deleted account from the project's roles, then deploy again: "
        "docs/runbooks/identity-replaced.md.",
    ),
    Reason.RESOURCE_NOT_VISIBLE: _google(
        "Google has created a resource, but does not show it yet.",
        "The deployment waits, looks for the resource and imports it. If the error remains, "
        "deploy again in some minutes.",
    ),
    Reason.RESOURCE_DELETED: Explanation(
        "A resource that an earlier deployment left incomplete was deleted; the next apply creates "
        "the resource again.",
        "Nothing to do where this deployment has completed; otherwise deploy again.",
    ),
    Reason.STUCK: _operator(
        "The service cannot continue this deployment because of an error of its own, and tries "
        "again and again. Terraform may still run. A cancel has no effect before the repair.",
        "An operator must remove the cause: docs/runbooks/stuck.md.",
    ),
    Reason.FORCE_CANCEL_WITHOUT_EFFECT: _operator(
        "The forced cancel has had no effect within its time: the host or the workers of the "
        "service do not answer. Terraform may still run.",
        "An operator must look at the host and its workers: docs/runbooks/host-fault.md.",
    ),
    Reason.NEWER_RELEASE: _operator(
        "This deployment asks for work of a newer release; nothing was run.",
        "Deploy again after an operator has upgraded every worker of the service.",
    ),
    Reason.UNKNOWN: _operator(
        "Another release of this service gave a reason that this release does not have.",
        "An operator must look with the release that ran the deployment, which shows the reason.",
    ),
}


def explain(reason: Reason, *, destroy: bool = False) -> Explanation:
    """The explanation of a cause; after a `destroy` the next step is another destroy."""
    explanation = _EXPLANATIONS[reason]
    if not destroy:
        return explanation
    return replace(explanation, next_step=_AGAIN.sub(r"\1estroy", explanation.next_step))


def without_retry(next_step: str) -> str:
    """The next step after a cause that no retry of the deployment follows."""
    return _RETRIES.sub("Deploy again in a few minutes. If ", next_step)
