"""The templates that this service deploys, with their costs."""

from fastapi import APIRouter

from api.dependencies import CurrentUser, ServicesNeeded
from api.openapi import error_responses
from api.schemas.templates import CostsBody, TemplateBody, TemplateList

__all__ = ["router"]

router = APIRouter(prefix="/api", tags=["templates"])


@router.get("/templates", responses=error_responses())
async def list_templates(user: CurrentUser, services: ServicesNeeded) -> TemplateList:
    """The templates, and an estimate of the monthly costs at Google of each."""
    items = [
        TemplateBody(
            name=name,
            costs=CostsBody.of(services.costs[name]) if name in services.costs else None,
        )
        for name in sorted(services.templates)
    ]
    return TemplateList(items=items, next_cursor=None)
