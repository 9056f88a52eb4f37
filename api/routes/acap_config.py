"""The camera configuration of a deployment: the only route that returns sensitive outputs."""

from fastapi import APIRouter, Response

from api.dependencies import CurrentUser, Services, ServicesNeeded
from api.openapi import OF_STORE, error_responses
from api.schemas.acap_config import AcapConfigBody
from deployments.acap_config import SECRETS, Origin, compose
from deployments.artifacts import ENCRYPTED_OUTPUTS, disposition, left_out_because
from deployments.deployment import Operation
from deployments.errors import AcapConfigMissing, Expired, NotFound, OnAnotherHost
from deployments.execution import DeploymentSnapshot
from deployments.templates import TEMPLATES

__all__ = ["router"]

router = APIRouter(prefix="/api/deployment/{deployment}", tags=["deployments"])


@router.get(
    "/acap-config",
    response_model=AcapConfigBody,
    responses=error_responses(*OF_STORE, "acap_config_missing", "acap_config_incomplete"),
)
async def get_acap_config(
    deployment: str, user: CurrentUser, services: ServicesNeeded, download: bool = False
) -> Response:
    """The configuration for the stack's cameras, from recorded outputs alone.

    The header Anava-Secrets names the fields that are secrets. `download` makes the response a
    file.
    """
    snapshot = await services.deployments.get(user, deployment)
    outputs = await _recorded_outputs(services, snapshot)
    origin = Origin(
        snapshot.id, str(snapshot.request["project_id"]), str(snapshot.request["region"])
    )
    body = AcapConfigBody.model_validate(compose(outputs, origin))
    headers = {"Cache-Control": "private, no-store", "Anava-Secrets": ", ".join(SECRETS)}
    if download:
        headers["Content-Disposition"] = disposition("acap-config.json")
    return Response(body.model_dump_json(indent=2), 200, headers, "application/json")


async def _recorded_outputs(services: Services, snapshot: DeploymentSnapshot) -> str:
    template = str(snapshot.request.get("template", ""))
    if template not in TEMPLATES or not TEMPLATES[template].has_cameras:
        raise AcapConfigMissing(f"The template {template} has no camera configuration.")
    if snapshot.operation is Operation.DESTROY:
        raise AcapConfigMissing("This deployment destroyed its stack.")
    if not snapshot.is_terminal:
        raise AcapConfigMissing("This deployment has not ended yet.")
    try:
        with services.placement.reading_artifacts(snapshot):
            content = await services.artifacts.open(snapshot.id, ENCRYPTED_OUTPUTS)
    except (OnAnotherHost, Expired):
        raise
    except NotFound:
        raise AcapConfigMissing("This deployment recorded no outputs.") from None
    encrypted = b"".join([chunk async for chunk in content.chunks])
    if reason := left_out_because(ENCRYPTED_OUTPUTS, encrypted):
        raise AcapConfigMissing(f"The outputs were left out. {reason}")
    return services.deployments.decrypt(snapshot.id, encrypted.decode())
