"""Deployments: start, list, read, cancel."""

import re
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response

from api.dependencies import CurrentUser, ServicesNeeded
from api.listing import Filters
from api.schemas.deployments import (
    AcceptedBody,
    CancelBody,
    DeployBody,
    DeploymentBody,
    DeploymentPage,
    ListQuery,
    ProgressBody,
    ResourceBody,
)
from api.view import body, links, summary
from deployments.errors import FieldProblem, InvalidRequest
from deployments.requests import check

__all__ = ["router"]

router = APIRouter(prefix="/api", tags=["deployments"])

_KEY = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)


@router.post("/deploy", status_code=202)
async def deploy(
    asked: DeployBody,
    user: CurrentUser,
    services: ServicesNeeded,
    response: Response,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> AcceptedBody:
    """Start a deployment. The same Idempotency-Key and body give the same deployment."""
    request = check(asked.asked())
    seen = await services.deployments.start(user, request, _checked(idempotency_key))
    where = links(seen.id)
    response.headers["Location"] = where.self
    return AcceptedBody(
        id=seen.id,
        stack=request.stack.id,
        template=request.stack.template,
        project_id=request.stack.project_id,
        prefix=request.stack.prefix,
        region=request.region,
        storage_location=request.storage_location,
        operation=request.operation,
        created_at=seen.created_at,
        links=where,
    )


@router.get("/deployments")
async def list_deployments(
    user: CurrentUser,
    services: ServicesNeeded,
    asked: Annotated[ListQuery, Query()],
) -> DeploymentPage:
    """The caller's deployments."""
    filters = Filters(asked.status, asked.project, asked.stack)
    page = await services.deployments.list(user, filters, asked.limit, asked.cursor)
    return DeploymentPage(items=[summary(one) for one in page.items], next_cursor=page.next_cursor)


@router.get("/deployment/{deployment}")
async def get_deployment(
    deployment: str, user: CurrentUser, services: ServicesNeeded
) -> DeploymentBody:
    """One deployment."""
    return body(await services.deployments.get(user, deployment))


@router.post("/deployment/{deployment}/cancel", status_code=202)
async def cancel(
    deployment: str, user: CurrentUser, services: ServicesNeeded, asked: CancelBody | None = None
) -> DeploymentBody:
    """Ask for a cancel; the status changes when the workflow says so."""
    wanted = asked or CancelBody()
    return body(
        await services.deployments.cancel(user, deployment, wanted.reason, force=wanted.force)
    )


@router.get("/deployment/{deployment}/resources")
@router.get("/deployment/{deployment}/progress")
async def progress(deployment: str, user: CurrentUser, services: ServicesNeeded) -> ProgressBody:
    """How far each resource is; empty before terraform has named one."""
    seen = await services.deployments.get(user, deployment)
    found = await services.progress.latest(seen.id)
    if found is None:
        return ProgressBody(segment=0, phase=seen.phase, until="0-0", resources=[], counts={})
    return ProgressBody(
        segment=found.segment,
        phase=found.phase,
        until=found.until,
        resources=[ResourceBody(**asdict(one)) for one in found.resources],
        counts=found.counts,
    )


def _checked(key: str | None) -> str | None:
    if key is None or _KEY.fullmatch(key):
        return key
    raise InvalidRequest(
        "The Idempotency-Key is not valid.",
        FieldProblem("/Idempotency-Key", "pattern", "Use 1 to 255 visible ASCII characters."),
    )
