"""Bodies about projects."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from api.examples import VALIDATE
from api.schemas.deployments import FindingBody
from deployments.requests import DeploymentFields

__all__ = ["ProjectBody", "ProjectList", "ValidateBody", "ValidationBody"]

_Text = Annotated[str, Field(max_length=256)]


class ValidateBody(BaseModel):
    """What `POST /api/validate-project` takes: where a deployment would go."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, json_schema_extra={"example": VALIDATE}
    )

    project_id: _Text
    region: _Text = DeploymentFields.region
    prefix: _Text = DeploymentFields.prefix
    storage_location: _Text = DeploymentFields.storage_location
    template: _Text = "anava"

    def asked(self) -> DeploymentFields:
        """The fields; the rules are `requests.check_place`'s."""
        return DeploymentFields(
            project_id=self.project_id,
            region=self.region,
            prefix=self.prefix,
            storage_location=self.storage_location,
            template=self.template,
        )


class ValidationBody(BaseModel):
    """What stands in the way, the worst first. `ready`: no finding is blocking."""

    project_id: str
    ready: bool
    findings: list[FindingBody]


class ProjectBody(BaseModel):
    """One project that the caller may see."""

    project_id: str
    name: str
    number: str


class ProjectList(BaseModel):
    """The caller's active projects."""

    items: list[ProjectBody]
