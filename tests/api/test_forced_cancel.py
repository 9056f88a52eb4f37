"""A forced cancel that has no effect within its time has a reason of its own."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from temporalio.client import Client

from adapters.encryption import AesGcmCipher
from adapters.temporal.gateway import TemporalGateway
from api.dependencies import Services
from api.server import Server
from api.services.deployments import DeploymentService
from deployments.timings import StopLadder, Timings
from tests.api.command import anava
from tests.api.scripted import deploy
from tests.api.serving import UNLIMITED
from tests.api.temporal import temporal_server
from tests.support.servers import eventually

LADDER = StopLadder(kill_seconds=1)


@pytest.fixture(scope="module")
def temporal_address() -> Iterator[str]:
    """Without a worker of any other test."""
    with temporal_server() as address:
        yield address


@pytest.fixture
def services(services: Services, client: Client, tmp_path: Path) -> Services:
    """With a short time for a forced cancel."""
    gateway = TemporalGateway(client, ladder=LADDER)
    cipher = AesGcmCipher.open((), tmp_path)
    return replace(services, deployments=DeploymentService(gateway, Timings(), cipher, UNLIMITED))


async def test_a_forced_cancel_without_an_effect_says_so(
    live: httpx.AsyncClient, server: Server, client: Client
) -> None:
    """The API answered 202, and the deployment showed no sign of it ever after."""
    id = await deploy(live)
    path = f"/api/deployment/{id}"
    await live.post(f"{path}/cancel", json={"force": False})
    assert (await live.get(path)).json()["reason"] == "none"

    status, output = await anava(server, "cancel", "--force", id)

    assert status == 1, output
    assert "The forced cancel has had no effect within its time" in output
    body = (await live.get(path)).json()
    assert (body["reason"], body["status"]) == ("force_cancel_without_effect", "queued")
    assert "docs/runbooks/host-fault.md" in body["next_step"]
    assert body["message"] in (await live.get(f"/deployment/{id}")).text
    await client.get_workflow_handle(id).terminate()


async def test_a_cancel_without_force_has_no_such_time(
    api: httpx.AsyncClient, client: Client
) -> None:
    """An apply may save its state for an hour; a signal of another name is no force."""
    id = await deploy(api)
    handle = client.get_workflow_handle(id)
    await api.post(f"/api/deployment/{id}/cancel")
    await handle.signal("overdue", [])
    gateway = TemporalGateway(client, ladder=replace(LADDER, kill_seconds=-10))

    assert (await gateway.read(id)).reason == "none"
    await handle.signal("force_cancel", ["any", {"input": 1}])

    async def late() -> bool:
        return (await gateway.read(id)).reason == "force_cancel_without_effect"

    await eventually(late, "the reason")
    await handle.terminate()
    assert (await gateway.read(id)).status == "needs_attention"
