"""What is asked of Google around the plan; nothing for templates that need none of it."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.preflight import CheckProjectInput, FindExistingInput, PreflightActivities
    from deployments.deployment import DeploymentRequest, Operation
    from deployments.findings import Finding
    from deployments.imports import ImportSurvey
    from deployments.preflight import finding
    from deployments.reasons import Reason
    from deployments.templates import TEMPLATES
    from workflows.cancellation import shielded
    from workflows.outcomes import failure_message

__all__ = ["check_project", "find_existing", "needs_google"]

# Each call of theirs is limited to 10 s and 3 tries; then the activity is tried anew.
_LIMIT = timedelta(seconds=150)
_HEARTBEAT = timedelta(seconds=5)
_ATTEMPTS = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    maximum_interval=timedelta(seconds=30),
    # Some two minutes: whoever waits at a page wants to know.
    maximum_attempts=6,
)


def needs_google(request: DeploymentRequest) -> bool:
    """Whether the template works in a customer's project, and makes something there."""
    needs = TEMPLATES[request.stack.template].needs_preflight
    return needs and request.operation is Operation.DEPLOY


async def check_project(request: DeploymentRequest) -> list[Finding]:
    """What stands in the way, or that it could not be found out."""
    handle = workflow.start_activity_method(
        PreflightActivities.check_project,
        CheckProjectInput(workflow.info().workflow_id, request),
        start_to_close_timeout=_LIMIT,
        heartbeat_timeout=_HEARTBEAT,
        retry_policy=_ATTEMPTS,
        summary="asks Google what stands in the way",
    )
    try:
        return await shielded(handle, cancel=handle.cancel)
    except ActivityError as error:
        return _unknown(error)


async def find_existing(request: DeploymentRequest, queue: str) -> ImportSurvey:
    """What of the last plan exists already."""
    handle = workflow.start_activity_method(
        PreflightActivities.find_existing,
        FindExistingInput(workflow.info().workflow_id, request.stack.project_id),
        task_queue=queue,
        start_to_close_timeout=_LIMIT,
        heartbeat_timeout=_HEARTBEAT,
        retry_policy=_ATTEMPTS,
        summary="looks for what exists already",
    )
    try:
        return await shielded(handle, cancel=handle.cancel)
    except ActivityError as error:
        return ImportSurvey(findings=_unknown(error))


def _unknown(error: ActivityError) -> list[Finding]:
    cause = error.cause
    expired = isinstance(cause, ApplicationError) and cause.type == "SignInExpired"
    code = Reason.SIGN_IN_EXPIRED if expired else Reason.PREFLIGHT_FAILED
    workflow.logger.warning("%s: %s", code, failure_message(error))
    return [finding(code)]
