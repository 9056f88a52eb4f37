"""A deployment of a newer release is listed and shown after a roll-back."""

import httpx
import pytest
from temporalio.client import Client

from deployments.temporal_names import Attribute
from tests.api.requests import deploy
from tests.support.forged import OF_ANOTHER_RELEASE, forged_deployment
from tests.support.ids import deployment_id
from tests.support.servers import eventually

OF_CALLER = {Attribute.TENANT: "local", Attribute.OWNER: "local", Attribute.STACK: "local.a.b.c"}


@pytest.mark.parametrize("name", OF_ANOTHER_RELEASE)
async def test_an_unknown_value_hides_no_deployment(
    api: httpx.AsyncClient, client: Client, name: str
) -> None:
    """An unknown reason made the list fail, and later hid the deployment."""
    attributes, memo = OF_ANOTHER_RELEASE[name]
    id, other = deployment_id(f"newer {name}"), await deploy(api)
    async with forged_deployment(client, id, OF_CALLER | attributes, memo):

        async def listed() -> bool:
            answer = await api.get("/api/deployments", params={"limit": 100})
            assert answer.status_code == 200
            return {id, other} <= {item["id"] for item in answer.json()["items"]}

        await eventually(listed, "both deployments")
        answer = await api.get(f"/api/deployment/{id}")
        assert answer.status_code == 200
        body = answer.json()
        assert body["status"] == ("running" if Attribute.STATUS in attributes else "queued")
        assert "x" not in {body["status"], body["reason"], body["phase"], body["operation"]}
        assert body["message"]
        assert (await api.get(f"/deployment/{id}")).status_code == 200
    closed = (await api.get(f"/api/deployment/{id}")).json()
    assert closed["status"] == "needs_attention"


@pytest.mark.parametrize("status", ["unknown", "x"])
async def test_a_list_is_not_filtered_by_an_unknown_status(
    api: httpx.AsyncClient, status: str
) -> None:
    answer = await api.get("/api/deployments", params={"status": status})
    assert answer.status_code == 422
