"""What becomes of a stack that is destroyed, before anybody confirms it."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from api import examples
from api.openapi import answers
from api.schemas.destruction import DestructionBody, HeldBody, KeptBody
from deployments.destruction import DESTRUCTION, confirmation
from deployments.requests import DeploymentFields, check

__all__ = ["router"]

router = APIRouter(prefix="/api", tags=["deployments"])

_Text = Annotated[str, Field(max_length=256)]


class _StackQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    project_id: _Text
    prefix: _Text = DeploymentFields.prefix
    template: _Text = "sandbox"


@router.get("/destruction", responses=answers(examples.DESTRUCTION, "invalid_request"))
async def get_destruction(asked: Annotated[_StackQuery, Query()]) -> DestructionBody:
    """What a destroy of this stack leaves and why, and what Google keeps for a while."""
    stack = check(
        DeploymentFields(asked.project_id, prefix=asked.prefix, template=asked.template)
    ).stack
    found = DESTRUCTION[stack.template]
    return DestructionBody(
        stack=stack.id,
        confirm=confirmation(stack.project_id, stack.prefix),
        kept=[KeptBody(**asdict(item)) for item in found.retained],
        held=[HeldBody(**asdict(entry)) for entry in found.soft_deleted],
    )
