"""Artifacts: list, a link to one, and the download where a link of this service leads."""

from dataclasses import asdict

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse

from api import examples
from api.dependencies import CurrentUser, ServicesNeeded
from api.middleware.etag import UNCHANGED, conditional
from api.openapi import answers
from api.schemas.artifacts import ArtifactBody, ArtifactList
from deployments.artifacts import disposition
from deployments.errors import NotFound

__all__ = ["router"]

router = APIRouter(prefix="/api", tags=["artifacts"])

# A link is a right: it must not lie in a cache or be told to another site.
_PRIVATE = {"Cache-Control": "private, no-store", "Referrer-Policy": "no-referrer"}


@router.get(
    "/deployment/{deployment}/artifacts",
    response_model=ArtifactList,
    responses={
        **answers(
            examples.ARTIFACTS,
            "not_found",
            "invalid_request",
            "unavailable",
            "temporal_unavailable",
        ),
        **UNCHANGED,
    },
)
async def list_artifacts(
    request: Request, deployment: str, user: CurrentUser, services: ServicesNeeded
) -> Response:
    """What can be downloaded now; more comes with the plan and at the end."""
    snapshot = await services.deployments.get(user, deployment)
    found = await services.artifacts.entries(snapshot.id)
    items = [ArtifactBody(**asdict(item)) for item in found]
    return conditional(request, ArtifactList(items=items))


@router.get(
    "/deployment/{deployment}/artifacts/{name}",
    status_code=307,
    response_class=RedirectResponse,
    responses=answers(
        "",
        "not_found",
        "invalid_request",
        "unavailable",
        "temporal_unavailable",
        status=307,
        media_type="text/plain",
    ),
)
async def follow_artifact(
    deployment: str, name: str, user: CurrentUser, services: ServicesNeeded
) -> RedirectResponse:
    """A redirect to a link that anybody may follow for 5 minutes."""
    snapshot = await services.deployments.get(user, deployment)
    link = await services.artifacts.link(snapshot.id, name)
    return RedirectResponse(link.url, 307, _PRIVATE)


@router.head("/artifacts/download/{deployment}/{name}", include_in_schema=False)
@router.get(
    "/artifacts/download/{deployment}/{name}",
    response_class=StreamingResponse,
    responses=answers(
        "(the bytes)",
        "link_refused",
        "link_expired",
        "not_found",
        "invalid_request",
        media_type="application/octet-stream",
    ),
)
async def download(
    request: Request,
    deployment: str,
    name: str,
    services: ServicesNeeded,
    expires: str = "",
    signature: str = "",
) -> Response:
    """The file itself. The signature is the only right that is asked for."""
    if services.downloads is None:
        raise NotFound("There is no such artifact.")
    services.downloads.admit(deployment, name, expires, signature)
    content = await services.artifacts.open(deployment, name)
    headers = {
        **_PRIVATE,
        "Content-Length": str(content.size_bytes),
        "Content-Disposition": disposition(name),
        "Content-Type": content.content_type,
        # A browser shows nothing of it, and believes the type.
        "Content-Security-Policy": "sandbox",
        "X-Content-Type-Options": "nosniff",
    }
    if request.method == "HEAD":
        return Response(headers=headers)
    return StreamingResponse(content.chunks, headers=headers)
