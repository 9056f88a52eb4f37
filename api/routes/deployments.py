"""Deployments: start, list, read, cancel."""

import re
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response

from api import examples
from api.dependencies import BroadcastsNeeded, CurrentUser, Services, ServicesNeeded
from api.middleware.etag import UNCHANGED, conditional, etag, is_known
from api.openapi import answers
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
from api.services.deployment_view import to_body, to_links, to_summary
from deployments.errors import FieldProblem, InvalidRequest
from deployments.execution import Caller, DeploymentFilter
from deployments.requests import check

__all__ = ["router"]

router = APIRouter(prefix="/api", tags=["deployments"])

_KEY = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)


_READ = ("not_found", "invalid_request", "temporal_unavailable")
# A proxy gives up on a silent answer after 60 s, often after 30.
_LONGEST_WAIT_SECONDS = 30


@router.post(
    "/deploy",
    status_code=202,
    responses=answers(
        examples.ACCEPTED,
        "invalid_request",
        "not_available",
        "idempotency_key_reused",
        "temporal_unavailable",
        status=202,
        body=True,
    ),
)
async def create_deployment(
    asked: DeployBody,
    user: CurrentUser,
    services: ServicesNeeded,
    response: Response,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> AcceptedBody:
    """Start a deployment. The same Idempotency-Key and body give the same deployment."""
    request = check(asked.asked())
    snapshot = await services.deployments.start(user, request, _checked(idempotency_key))
    where = to_links(snapshot.id)
    response.headers["Location"] = where.self
    return AcceptedBody(
        id=snapshot.id,
        stack=request.stack.id,
        template=request.stack.template,
        project_id=request.stack.project_id,
        prefix=request.stack.prefix,
        region=request.region,
        storage_location=request.storage_location,
        operation=request.operation,
        created_at=snapshot.created_at,
        links=where,
    )


@router.get(
    "/deployments",
    response_model=DeploymentPage,
    responses={
        **answers(examples.PAGE, "invalid_request", "temporal_unavailable"),
        **UNCHANGED,
    },
)
async def list_deployments(
    request: Request,
    user: CurrentUser,
    services: ServicesNeeded,
    asked: Annotated[ListQuery, Query()],
) -> Response:
    """The caller's deployments; the header Link leads to the next page."""
    filters = DeploymentFilter(asked.status, asked.project, asked.stack)
    page = await services.deployments.list(user, filters, asked.limit, asked.cursor)
    shown = DeploymentPage(
        items=[to_summary(item) for item in page.items], next_cursor=page.next_cursor
    )
    if page.next_cursor is None:
        return conditional(request, shown)
    after = request.url.include_query_params(cursor=page.next_cursor)
    return conditional(request, shown, Link=f'<{after.path}?{after.query}>; rel="next"')


@router.get(
    "/deployment/{deployment}",
    response_model=DeploymentBody,
    responses={**answers(examples.COMPLETED, *_READ), **UNCHANGED},
)
async def get_deployment(
    request: Request,
    deployment: str,
    user: CurrentUser,
    services: ServicesNeeded,
    broadcasts: BroadcastsNeeded,
    wait: Annotated[int, Query(ge=0, le=_LONGEST_WAIT_SECONDS)] = 0,
) -> Response:
    """One deployment.

    With `wait` the answer comes when something changes, at the latest after so many seconds;
    changes are seen against If-None-Match where that is given. One that has ended is never waited
    for.
    """
    snapshot = await services.deployments.get(user, deployment)
    known = "if-none-match" not in request.headers or is_known(request, etag(to_body(snapshot)))
    if wait and known and not snapshot.is_terminal:
        await broadcasts.until_changed(snapshot, wait)
        snapshot = await services.deployments.get(user, deployment)
    return conditional(request, to_body(snapshot))


@router.post(
    "/deployment/{deployment}/cancel",
    status_code=202,
    responses=answers(examples.CANCELLING, *_READ, "already_finished", status=202, body=True),
)
async def cancel_deployment(
    deployment: str, user: CurrentUser, services: ServicesNeeded, asked: CancelBody | None = None
) -> DeploymentBody:
    """Ask for a cancel; the status changes when the workflow says so."""
    wanted = asked or CancelBody()
    return to_body(
        await services.deployments.cancel(user, deployment, wanted.reason, force=wanted.force)
    )


@router.get(
    "/deployment/{deployment}/resources",
    response_model=ProgressBody,
    responses={**answers(examples.PROGRESS, *_READ), **UNCHANGED},
)
async def get_resources(
    request: Request, deployment: str, user: CurrentUser, services: ServicesNeeded
) -> Response:
    """How far each resource is; empty before terraform has named one."""
    return conditional(request, await _progress(services, user, deployment))


@router.get(
    "/deployment/{deployment}/progress",
    response_model=ProgressBody,
    responses={**answers(examples.PROGRESS, *_READ), **UNCHANGED},
)
async def get_progress(
    request: Request, deployment: str, user: CurrentUser, services: ServicesNeeded
) -> Response:
    """The same as `resources`, under the original service's name."""
    return conditional(request, await _progress(services, user, deployment))


async def _progress(services: Services, user: Caller, deployment: str) -> ProgressBody:
    snapshot = await services.deployments.get(user, deployment)
    found = await services.progress.latest(snapshot.id)
    if found is None:
        return ProgressBody(step=0, phase=snapshot.phase, until="0-0", resources=[], counts={})
    return ProgressBody(
        step=found.step,
        phase=found.phase,
        until=found.until,
        resources=[ResourceBody(**asdict(resource)) for resource in found.resources],
        counts=found.counts,
    )


def _checked(key: str | None) -> str | None:
    if key is None or _KEY.fullmatch(key):
        return key
    raise InvalidRequest(
        "The Idempotency-Key is not valid.",
        FieldProblem("/Idempotency-Key", "pattern", "Use 1 to 255 visible ASCII characters."),
    )
