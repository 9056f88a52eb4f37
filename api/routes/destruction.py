"""The effect of a destroy, for the confirmation."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query

from api.openapi import error_responses
from api.schemas.destruction import DestructionBody, DestructionQuery
from deployments.destruction import confirmation
from deployments.requests import DeploymentFields, check
from deployments.templates import TEMPLATES

__all__ = ["router"]

router = APIRouter(prefix="/api", tags=["deployments"])


@router.get("/destruction", responses=error_responses("invalid_request"))
async def get_destruction(query: Annotated[DestructionQuery, Query()]) -> DestructionBody:
    """The resources that a destroy of this stack leaves, and those that Google removes later."""
    stack = check(DeploymentFields(**dict(query))).stack
    return DestructionBody(
        stack=stack.id,
        confirm=confirmation(stack.project_id, stack.prefix),
        **asdict(TEMPLATES[stack.template].destruction),
    )
