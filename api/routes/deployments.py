"""Deployments: start, list, read, cancel."""

import re
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response

from api.dependencies import BroadcastsNeeded, CurrentUser, Services, ServicesNeeded
from api.middleware.etag import UNCHANGED, conditional, etag, is_known
from api.openapi import OF_DEPLOYMENT, error_responses
from api.schemas.deployments import (
    AcceptedBody,
    CancelBody,
    DeployBody,
    DeploymentBody,
    DeploymentPage,
    ListQuery,
    ProgressBody,
    ResourceList,
)
from api.services.deployment_view import to_body, to_summary
from deployments.errors import FieldProblem, InvalidRequest
from deployments.execution import Caller
from deployments.requests import check

__all__ = ["router"]

router = APIRouter(prefix="/api", tags=["deployments"])

_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)
# Proxies close a silent connection after 60 s, often after 30 s.
_MAX_WAIT_SECONDS = 30


@router.post(
    "/deploy",
    status_code=202,
    responses=error_responses(
        "invalid_request",
        "not_available",
        "idempotency_key_reused",
        "too_many_deployments",
        "too_many_creates",
        "temporal_unavailable",
        body=True,
    ),
)
async def create_deployment(
    body: DeployBody,
    user: CurrentUser,
    services: ServicesNeeded,
    response: Response,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> AcceptedBody:
    """Start a deployment. The same Idempotency-Key and body give the same deployment."""
    request = check(body.to_fields(), services.templates)
    snapshot = await services.deployments.start(user, request, _checked_key(idempotency_key))
    accepted = AcceptedBody(**dict(to_summary(snapshot)))
    response.headers["Location"] = accepted.links.self
    return accepted


@router.get(
    "/deployments",
    response_model=DeploymentPage,
    responses={**error_responses("invalid_request", "temporal_unavailable"), **UNCHANGED},
)
async def list_deployments(
    request: Request,
    user: CurrentUser,
    services: ServicesNeeded,
    query: Annotated[ListQuery, Query()],
) -> Response:
    """The caller's deployments; the header Link has the address of the next page."""
    page = await services.deployments.list(user, query.to_filter(), query.limit, query.cursor)
    body = DeploymentPage(
        items=[to_summary(snapshot) for snapshot in page.items], next_cursor=page.next_cursor
    )
    if page.next_cursor is None:
        return conditional(request, body)
    following = request.url.include_query_params(cursor=page.next_cursor)
    return conditional(request, body, Link=f'<{following.path}?{following.query}>; rel="next"')


@router.get(
    "/deployment/{deployment}",
    response_model=DeploymentBody,
    responses={**error_responses(*OF_DEPLOYMENT), **UNCHANGED},
)
async def get_deployment(
    request: Request,
    deployment: str,
    user: CurrentUser,
    services: ServicesNeeded,
    broadcasts: BroadcastsNeeded,
    wait: Annotated[int, Query(ge=0, le=_MAX_WAIT_SECONDS)] = 0,
) -> Response:
    """A deployment.

    `wait` delays the response until a change, at most for so many seconds. With If-None-Match a
    change is a difference to that ETag. A deployment that has ended is returned at once.
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
    responses=error_responses(*OF_DEPLOYMENT, "already_finished", body=True),
)
async def cancel_deployment(
    deployment: str, user: CurrentUser, services: ServicesNeeded, body: CancelBody | None = None
) -> DeploymentBody:
    """Request a cancel; `cancel_requested` is set at once, the status changes at the end."""
    request = body or CancelBody()
    cancel = services.deployments.cancel(user, deployment, request.reason, force=request.force)
    return to_body(await cancel)


@router.get(
    "/deployment/{deployment}/resources",
    response_model=ResourceList,
    responses={**error_responses(*OF_DEPLOYMENT, "on_another_host", "expired"), **UNCHANGED},
)
async def list_resources(
    request: Request, deployment: str, user: CurrentUser, services: ServicesNeeded
) -> Response:
    """The progress of each resource; empty until terraform has named a resource."""
    progress = await _progress(services, user, deployment)
    return conditional(request, ResourceList(items=progress.resources, next_cursor=None))


@router.get(
    "/deployment/{deployment}/progress",
    response_model=ProgressBody,
    responses={**error_responses(*OF_DEPLOYMENT, "on_another_host", "expired"), **UNCHANGED},
)
async def get_progress(
    request: Request, deployment: str, user: CurrentUser, services: ServicesNeeded
) -> Response:
    """The progress of the deployment: resources, their numbers by status, the last event."""
    return conditional(request, await _progress(services, user, deployment))


async def _progress(services: Services, user: Caller, deployment: str) -> ProgressBody:
    snapshot = await services.deployments.get(user, deployment)
    services.placement.require_progress(snapshot)
    progress = await services.progress.latest(snapshot.id)
    if progress is None:
        return ProgressBody(step=0, phase=snapshot.phase, until="0-0", resources=[], counts={})
    # Reads nested values in place: `asdict` of 3,000 resources takes 33 ms (measured).
    return ProgressBody.model_validate(progress, from_attributes=True)


def _checked_key(key: str | None) -> str | None:
    if key is None or _IDEMPOTENCY_KEY.fullmatch(key):
        return key
    raise InvalidRequest(
        "The Idempotency-Key is not valid.",
        FieldProblem("/Idempotency-Key", "pattern", "Use 1 to 255 visible ASCII characters."),
    )
