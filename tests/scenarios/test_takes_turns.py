"""A caller who fills the queue delays another by a deployment or two, and is refused beyond it."""

import uuid

import pytest

from adapters.encryption import AesGcmCipher, key_ring
from adapters.temporal.gateway import TemporalGateway
from api.services.deployments import DeploymentService
from deployments.deployment import DEFAULT_TENANT
from deployments.errors import TooManyDeployments
from deployments.execution import Caller, DeploymentSnapshot
from deployments.requests import DeploymentFields, check
from deployments.subject import SubjectLimits
from tests.support.servers import eventually
from tests.support.service import SHORT, House

CROWD = 10


@pytest.mark.long
async def test_a_deployment_starts_soon_behind_a_crowd_of_another_owner(house: House) -> None:
    """401 creates of one caller left another queued until nearly all of them had ended."""
    gateway = TemporalGateway(house.client, key_ring((), house.data))
    cipher = AesGcmCipher.open((), house.data)
    service = DeploymentService(gateway, SHORT, cipher, SubjectLimits(CROWD, 100))

    async def create(owner: str) -> DeploymentSnapshot:
        fields = DeploymentFields(
            "demo-project-1",
            "sandbox",
            prefix="p" + uuid.uuid4().hex[:8],
            variables={"resource_seconds": 0, "resources": 1},
        )
        return await service.start(Caller(DEFAULT_TENANT, owner), check(fields), None)

    crowd = [await create("ann") for _ in range(CROWD)]
    with pytest.raises(TooManyDeployments):
        await create("ann")
    late = await create("bob")
    house.worker(ANAVA_WORKER__DEPLOYMENTS="1")

    async def is_admitted() -> bool:
        return (await gateway.read(late.id)).host is not None

    await eventually(is_admitted, "the admission", 100)
    earlier = [await gateway.read(snapshot.id) for snapshot in crowd]
    assert sum(snapshot.host is not None for snapshot in earlier) <= 3
    for id in await gateway.running_ids():
        await house.client.get_workflow_handle(id).terminate()
