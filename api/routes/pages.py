"""HTML pages: deployments, a deployment, problems, the API."""

import contextlib
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ConfigDict

from api.dependencies import CurrentUser, Services, ServicesNeeded
from api.pages import presenters
from api.pages.rendering import page, static_digest, static_files
from api.problems import KINDS
from api.services.deployment_view import to_body, to_summary
from deployments.artifacts import Artifact
from deployments.deployment import Operation, Status
from deployments.errors import AlreadyFinished, NotFound, Unavailable
from deployments.execution import DeploymentFilter, DeploymentSnapshot
from deployments.templates import TEMPLATES

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_PAGE_ITEMS = 25
_CACHE_FOR_A_YEAR = "public, max-age=31536000, immutable"


class _ListQuery(BaseModel):
    """The filter form also sends empty fields."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    status: str = ""
    project: str = ""
    cursor: str = ""


@router.get("/")
async def list_page(
    request: Request,
    user: CurrentUser,
    services: ServicesNeeded,
    query: Annotated[_ListQuery, Query()],
) -> Response:
    """The caller's deployments."""
    status = Status(query.status) if query.status in Status.known() else None
    filters = DeploymentFilter(status, query.project.strip() or None)
    result = await services.deployments.list(user, filters, _PAGE_ITEMS, query.cursor or None)
    older = request.url.include_query_params(cursor=result.next_cursor)
    return page(
        "deployments.html",
        rows=[(to_summary(snapshot), presenters.label(snapshot)) for snapshot in result.items],
        statuses=[(str(value), presenters.filter_label(value)) for value in Status.known()],
        query=query,
        filtered=bool(status or filters.project),
        older=f"/?{older.query}" if result.next_cursor else "",
    )


@router.get("/deployment/{deployment}")
async def deployment_page(deployment: str, user: CurrentUser, services: ServicesNeeded) -> Response:
    """A deployment, with live updates."""
    snapshot = await services.deployments.get(user, deployment)
    progress = await services.progress.latest(snapshot.id)
    return page(
        "deployment.html",
        deployment=to_body(snapshot),
        label=presenters.label(snapshot),
        phases=presenters.phase_states(snapshot),
        resources=progress.resources if progress else [],
        artifacts=await _artifacts(services, snapshot.id),
        ended=snapshot.is_terminal,
        counts=presenters.counts(snapshot),
        has_acap_config=_has_acap_config(snapshot),
        elsewhere=services.placement.log_elsewhere(snapshot),
    )


async def _artifacts(services: Services, deployment: str) -> list[Artifact] | None:
    """The artifacts; None while their store does not respond, which hides nothing else."""
    try:
        return await services.artifacts.entries(deployment)
    except Unavailable:
        return None


def _has_acap_config(snapshot: DeploymentSnapshot) -> bool:
    template = TEMPLATES.get(str(snapshot.request.get("template")))
    done = snapshot.status is Status.COMPLETED and snapshot.operation is Operation.DEPLOY
    return done and template is not None and template.has_cameras


@router.post("/deployment/{deployment}/cancel")
async def cancel_from_page(
    deployment: str, user: CurrentUser, services: ServicesNeeded
) -> Response:
    """Request a cancel, then show the deployment; a deployment that has ended is only shown."""
    with contextlib.suppress(AlreadyFinished):
        await services.deployments.cancel(user, deployment, "", force=False)
    return RedirectResponse(f"/deployment/{deployment}", 303)


@router.get("/problems")
async def problems_page() -> Response:
    """All problems of the API."""
    return page("problems.html", kinds=KINDS)


@router.get("/problems/{code}")
async def problem_page(code: str) -> Response:
    """The page that a problem's `type` refers to."""
    if code not in KINDS:
        raise NotFound("There is no such problem.")
    return page("problem.html", code=code, kind=KINDS[code])


@router.get("/docs")
async def docs_page(request: Request) -> Response:
    """The API, from its OpenAPI document."""
    openapi = request.app.openapi()
    return page("docs.html", api=openapi, operations=presenters.operations(openapi))


@router.get("/static/{digest}/{name}")
async def static_file(digest: str, name: str) -> Response:
    """A stylesheet, script or image of the pages."""
    file = static_files().get(name)
    if file is None or digest != static_digest():
        raise NotFound("There is no such file.")
    return Response(file.content, 200, {"Cache-Control": _CACHE_FOR_A_YEAR}, file.media_type)
