"""Bodies about the destruction of a stack."""

from typing import Annotated

from pydantic import BaseModel, Field

from api.schemas.fields import QueryModel, RequestText, StackId
from deployments.requests import DeploymentFields

__all__ = ["DestructionBody", "DestructionQuery"]


class DestructionQuery(QueryModel):
    """Query of `GET /api/destruction`: the stack."""

    template: RequestText
    project_id: RequestText
    prefix: RequestText = DeploymentFields.prefix


class RetainedResourceBody(BaseModel):
    """A resource that a destroy leaves in the project, and the reason."""

    what: Annotated[str, Field(examples=["the APIs that were switched on"])]
    why: Annotated[str, Field(examples=["something else in the project may use them"])]


class SoftDeletedResourceBody(BaseModel):
    """A resource that Google removes after `days`; `meaning` is its condition until then."""

    what: Annotated[str, Field(examples=["API key"])]
    days: Annotated[int, Field(examples=[30])]
    meaning: Annotated[str, Field(examples=["it is refused"])]


class DestructionBody(BaseModel):
    """The effect of a destroy; a destroy request must repeat `confirm`."""

    stack: StackId
    confirm: Annotated[str, Field(examples=["demo-project-1/anava"])]
    retained: list[RetainedResourceBody]
    soft_deleted: list[SoftDeletedResourceBody]
