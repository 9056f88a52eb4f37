"""Bodies about projects."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.deployments import ErrorBody
from api.schemas.fields import ProjectId, RequestModel, RequestText
from deployments.requests import DeploymentFields

__all__ = ["ProjectBody", "ProjectList", "ValidateBody", "ValidationBody"]


class ValidateBody(RequestModel):
    """Request of `POST /api/validate-project`: the target of a deployment."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"project_id": "demo-project-1", "template": "anava"}]}
    )

    project_id: RequestText
    region: RequestText = DeploymentFields.region
    prefix: RequestText = DeploymentFields.prefix
    storage_location: RequestText = DeploymentFields.storage_location
    template: RequestText = "anava"

    def to_fields(self) -> DeploymentFields:
        """The fields for `requests.check_target`, which has their rules."""
        return DeploymentFields(**dict(self))


class ValidationBody(BaseModel):
    """The obstacles to a deployment, blocking findings first; `ready`: none of them blocks."""

    project_id: ProjectId
    ready: bool
    findings: list[ErrorBody]


class ProjectBody(BaseModel):
    """A project that the caller has access to."""

    project_id: ProjectId
    name: Annotated[str, Field(examples=["Demo"])]
    number: Annotated[str, Field(examples=["123456789012"])]


class ProjectList(BaseModel):
    """The caller's active projects, on a single page."""

    items: list[ProjectBody]
    next_cursor: str | None
