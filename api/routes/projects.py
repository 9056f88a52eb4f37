"""The caller's projects, and the obstacles to a deployment into a project."""

from dataclasses import asdict

from fastapi import APIRouter

from api.dependencies import CurrentUser, Services, ServicesNeeded
from api.openapi import error_responses
from api.schemas.projects import ProjectBody, ProjectList, ValidateBody, ValidationBody
from api.services.deployment_view import to_error
from deployments.errors import Unavailable
from deployments.preflight import Preflight, blocking
from deployments.requests import check_target

__all__ = ["router"]

router = APIRouter(prefix="/api", tags=["projects"])


@router.get("/projects", responses=error_responses("sign_in_expired", "unavailable"))
async def list_projects(user: CurrentUser, services: ServicesNeeded) -> ProjectList:
    """The active projects that the caller has access to."""
    projects = await _preflight(services).projects()
    items = [ProjectBody(**asdict(project)) for project in projects]
    return ProjectList(items=items, next_cursor=None)


@router.post(
    "/validate-project",
    responses=error_responses("invalid_request", "sign_in_expired", "unavailable", body=True),
)
async def validate_project(
    body: ValidateBody, user: CurrentUser, services: ServicesNeeded
) -> ValidationBody:
    """Run the check that each deployment begins with. Changes nothing."""
    request = check_target(body.to_fields(), services.templates)
    findings = await _preflight(services).check(request)
    return ValidationBody(
        project_id=request.stack.project_id,
        ready=blocking(findings) is None,
        findings=[to_error(finding) for finding in findings],
    )


def _preflight(services: Services) -> Preflight:
    if services.preflight is None:
        raise Unavailable("This installation has no access to Google.")
    return services.preflight
