"""The checks of a Google project before terraform, and the survey of existing resources after plan.

Templates without Google's provider need neither.
"""

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.preflight import CheckProjectInput, FindExistingInput, PreflightActivities
    from deployments.deployment import DeploymentRequest, Operation
    from deployments.errors import NotAcceptedByApi, SignInExpired
    from deployments.findings import Finding, finding
    from deployments.imports import ImportSurvey
    from deployments.reasons import Reason
    from deployments.templates import TEMPLATES
    from workflows.activity_options import CHECK_PROJECT, FIND_EXISTING
    from workflows.activity_results import execute
    from workflows.outcomes import error_type, failure_message

__all__ = ["check_project", "find_existing", "needs_preflight"]

# An ApplicationError's type is the name of the error's class.
_REFUSALS: dict[str | None, Reason] = {
    SignInExpired.__name__: Reason.SIGN_IN_EXPIRED,
    NotAcceptedByApi.__name__: Reason.NOT_ACCEPTED_BY_API,
}


def needs_preflight(request: DeploymentRequest) -> bool:
    """Whether the deployment creates resources in a customer's project."""
    template = TEMPLATES.get(request.stack.template)
    if template is None:
        # Not of the API: the host refuses the request.
        return False
    return template.needs_preflight and request.operation is Operation.DEPLOY


async def check_project(request: DeploymentRequest) -> list[Finding]:
    """The findings about the project; a check that failed is a finding, too."""
    try:
        return await execute(
            PreflightActivities.check_project,
            CheckProjectInput(workflow.info().workflow_id, request),
            list[Finding],
            cancels=True,
            **CHECK_PROJECT,
        )
    except ActivityError as error:
        return _not_checked(error)


async def find_existing(request: DeploymentRequest, queue: str) -> ImportSurvey:
    """The resources of the last plan that exist already."""
    try:
        return await execute(
            PreflightActivities.find_existing,
            FindExistingInput(workflow.info().workflow_id, request.stack.project_id),
            ImportSurvey,
            cancels=True,
            task_queue=queue,
            **FIND_EXISTING,
        )
    except ActivityError as error:
        return ImportSurvey(findings=_not_checked(error))


def _not_checked(error: ActivityError) -> list[Finding]:
    reason = _REFUSALS.get(error_type(error), Reason.PREFLIGHT_FAILED)
    workflow.logger.warning("%s: %s", reason, failure_message(error))
    return [finding(reason)]
