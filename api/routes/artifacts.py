"""Artifacts: the list, a signed link to each, and the download behind a link of this service."""

from dataclasses import asdict

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse

from api.dependencies import CurrentUser, ServicesNeeded
from api.middleware.etag import UNCHANGED, conditional
from api.openapi import OF_STORE, error_responses
from api.schemas.artifacts import ArtifactBody, ArtifactList
from deployments.artifacts import disposition
from deployments.errors import NotFound

__all__ = ["router"]

router = APIRouter(prefix="/api", tags=["artifacts"])

# A signed link grants access: no cache may store the link, and no other site may receive it.
_PRIVATE = {"Cache-Control": "private, no-store", "Referrer-Policy": "no-referrer"}


@router.get(
    "/deployment/{deployment}/artifacts",
    response_model=ArtifactList,
    responses={**error_responses(*OF_STORE), **UNCHANGED},
)
async def list_artifacts(
    request: Request, deployment: str, user: CurrentUser, services: ServicesNeeded
) -> Response:
    """The files that can be downloaded now; the plan and the end of a deployment add files."""
    snapshot = await services.deployments.get(user, deployment)
    with services.placement.reading_artifacts(snapshot):
        artifacts = await services.artifacts.entries(snapshot.id)
    items = [
        ArtifactBody(
            **asdict(entry), left_out=entry.left_out, left_out_message=entry.left_out_message
        )
        for entry in artifacts
    ]
    return conditional(request, ArtifactList(items=items, next_cursor=None))


@router.get(
    "/deployment/{deployment}/artifacts/{name}",
    status_code=307,
    response_class=RedirectResponse,
    responses=error_responses(*OF_STORE),
)
async def follow_artifact(
    deployment: str, name: str, user: CurrentUser, services: ServicesNeeded
) -> RedirectResponse:
    """A redirect to a signed link, which is valid for 5 minutes without sign-in."""
    snapshot = await services.deployments.get(user, deployment)
    with services.placement.reading_artifacts(snapshot):
        link = await services.artifacts.link(snapshot.id, name)
    return RedirectResponse(link, 307, _PRIVATE)


@router.head("/artifacts/download/{deployment}/{name}", include_in_schema=False)
@router.get(
    "/artifacts/download/{deployment}/{name}",
    response_class=StreamingResponse,
    responses={
        **error_responses("link_refused", "link_expired", "not_found", "invalid_request"),
        200: {"content": {"application/octet-stream": {"example": "(the bytes)"}}},
    },
)
async def download(
    request: Request,
    deployment: str,
    name: str,
    services: ServicesNeeded,
    expires: str = "",
    signature: str = "",
) -> Response:
    """The content of a file. The signature alone grants access."""
    if services.downloads is None:
        raise NotFound("There is no such artifact.")
    services.downloads.admit(deployment, name, expires, signature)
    content = await services.artifacts.open(deployment, name)
    headers = {
        **_PRIVATE,
        "Content-Length": str(content.size_bytes),
        "Content-Disposition": disposition(name),
        "Content-Type": content.content_type,
        # A browser neither renders the file nor guesses another type.
        "Content-Security-Policy": "sandbox",
    }
    if request.method == "HEAD":
        return Response(headers=headers)
    return StreamingResponse(content.chunks, headers=headers)
