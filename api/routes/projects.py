"""Projects: which there are, and what stands in a deployment's way."""

from dataclasses import asdict

from fastapi import APIRouter

from api import examples
from api.dependencies import CurrentUser, Services, ServicesNeeded
from api.openapi import answers
from api.schemas.deployments import FindingBody
from api.schemas.projects import ProjectBody, ProjectList, ValidateBody, ValidationBody
from deployments.errors import Unavailable
from deployments.preflight import Preflight, blocking
from deployments.requests import check_target

__all__ = ["router"]

router = APIRouter(prefix="/api", tags=["projects"])


@router.get("/projects", responses=answers(examples.PROJECTS, "sign_in_expired", "unavailable"))
async def list_projects(user: CurrentUser, services: ServicesNeeded) -> ProjectList:
    """The active projects that the caller may see."""
    found = await _preflight(services).projects()
    return ProjectList(items=[ProjectBody(**asdict(item)) for item in found])


@router.post(
    "/validate-project",
    responses=answers(
        examples.VALIDATION, "invalid_request", "sign_in_expired", "unavailable", body=True
    ),
)
async def validate_project(
    asked: ValidateBody, user: CurrentUser, services: ServicesNeeded
) -> ValidationBody:
    """What a deployment would find: the same check that it begins with. Changes nothing."""
    request = check_target(asked.asked())
    findings = await _preflight(services).check(request)
    return ValidationBody(
        project_id=request.stack.project_id,
        ready=blocking(findings) is None,
        findings=[FindingBody(**asdict(finding)) for finding in findings],
    )


def _preflight(services: Services) -> Preflight:
    if services.preflight is None:
        raise Unavailable("Google cannot be asked here.")
    return services.preflight
