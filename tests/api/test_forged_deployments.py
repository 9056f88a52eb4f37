"""A workflow with content that this service never writes is a problem of that workflow alone."""

import logging

import httpx
import pytest
from temporalio.client import Client

from deployments.temporal_names import Attribute
from tests.api.requests import deploy
from tests.support.forged import FORGERIES, forged_deployment
from tests.support.ids import deployment_id
from tests.support.servers import eventually

OF_CALLER = {Attribute.TENANT: "local", Attribute.OWNER: "local"}


@pytest.mark.parametrize("name", FORGERIES)
async def test_a_forged_deployment_is_a_problem_and_the_list_has_the_others(
    api: httpx.AsyncClient, client: Client, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The list failed for the owner that the forger named."""
    attributes, memo = FORGERIES[name]
    id, real = deployment_id(f"forged {name}"), await deploy(api)
    async with forged_deployment(client, id, OF_CALLER | attributes, memo):

        async def listed() -> bool:
            executions = client.list_workflows(f"WorkflowId IN ('{id}', '{real}')")
            return len([execution async for execution in executions]) == 2

        await eventually(listed, "both deployments")
        with caplog.at_level(logging.WARNING):
            for _ in range(2):
                answer = await api.get("/api/deployments", params={"limit": 100})
                assert answer.status_code == 200
                ids = {item["id"] for item in answer.json()["items"]}
                assert (real in ids, id in ids) == (True, False)
        assert caplog.text.count(id) == 1
        answer = await api.get(f"/api/deployment/{id}")
        assert (answer.status_code, answer.json()["code"]) == (409, "record_unreadable")
