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
    from deployments.imports import Import, ImportSurvey
    from deployments.preflight import blocking
    from deployments.reasons import Reason
    from deployments.templates import TEMPLATES
    from workflows.activity_options import CHECK_PROJECT, FIND_EXISTING
    from workflows.activity_results import execute
    from workflows.outcomes import error_type, failure_message

__all__ = ["ProjectFindings"]

# An import can reveal names that the next survey needs. After the last survey the apply is refused,
# and the next plan imports the rest.
_MAX_SURVEYS = 3

# An ApplicationError's type is the name of the error's class.
_REFUSALS: dict[str | None, Reason] = {
    SignInExpired.__name__: Reason.SIGN_IN_EXPIRED,
    NotAcceptedByApi.__name__: Reason.NOT_ACCEPTED_BY_API,
}


class ProjectFindings:
    """Findings about the project of one deployment, and the imports of the next plan."""

    def __init__(self, request: DeploymentRequest) -> None:
        self._request = request
        self._findings: list[Finding] = []
        self._surveys = 0
        self.imports: list[Import] = []
        self.deletions: list[Finding] = []

    @property
    def obstacles(self) -> list[Finding]:
        """The findings of the last check or survey when one of them blocks; else none."""
        return self._findings if self.blocking else []

    @property
    def blocking(self) -> Reason | None:
        """The cause that blocks the deployment."""
        return blocking(self._findings)

    @property
    def is_needed(self) -> bool:
        """Whether the deployment creates resources in a customer's project."""
        template = TEMPLATES.get(self._request.stack.template)
        if template is None:
            # Not of the API: the host refuses the request.
            return False
        return template.needs_preflight and self._request.operation is Operation.DEPLOY

    async def check(self) -> None:
        """Check the project; a check that failed is a finding, too."""
        self._findings = await _check_project(self._request)

    def begin(self) -> None:
        """Forget the imports and surveys of an earlier try."""
        self.imports = []
        self._surveys = 0

    async def may_apply(self, queue: str) -> bool:
        """Survey the resources of the last plan; whether to apply this plan.

        Otherwise a finding blocks, or the next plan has further imports or counts no longer on a
        resource that was deleted.
        """
        survey = await _find_existing(self._request, queue)
        self._surveys += 1
        is_last = self._surveys == _MAX_SURVEYS
        self._record(survey, is_last=is_last)
        if self.blocking:
            return False
        self.imports += survey.imports
        return is_last or not (survey.imports or survey.deleted)

    def _record(self, survey: ImportSurvey, *, is_last: bool) -> None:
        deletions = [item for item in survey.findings if item.cause is Reason.RESOURCE_DELETED]
        self._findings = [item for item in survey.findings if item not in deletions]
        self.deletions = list(dict.fromkeys([*self.deletions, *deletions]))
        if is_last and survey.deleted:
            # The plan is older than the deletion, so an apply of it would miss the resource.
            self._findings += map(_deleted_too_late, survey.deleted)


def _deleted_too_late(address: str) -> Finding:
    message = (
        "This resource was incomplete, and was deleted after the last plan of this deployment, so "
        "the plan was not applied."
    )
    return finding(Reason.CONCURRENT_CHANGE, message, resource=address, next_step="Deploy again.")


async def _check_project(request: DeploymentRequest) -> list[Finding]:
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


async def _find_existing(request: DeploymentRequest, queue: str) -> ImportSurvey:
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
