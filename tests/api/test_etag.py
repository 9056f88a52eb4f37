"""Polling that costs nothing while nothing changes, and waiting for a change."""

import asyncio
import secrets

import httpx
import pytest
from temporalio.client import Client

from tests.api.requests import deploy
from tests.support.servers import eventually


async def test_an_unchanged_deployment_is_not_sent_again(
    api: httpx.AsyncClient, client: Client
) -> None:
    path = f"/api/deployment/{await deploy(api, prefix='p' + secrets.token_hex(4))}"
    first = await api.get(path)
    tag = first.headers["ETag"]

    for given in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await api.get(path, headers={"If-None-Match": given})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == tag
    assert (await api.get(path, headers={"If-None-Match": '"other"'})).status_code == 200

    await client.get_workflow_handle(first.json()["id"]).terminate()
    changed = await api.get(path, headers={"If-None-Match": tag})
    assert (changed.status_code, changed.json()["status"]) == (200, "needs_attention")


async def test_a_wait_ends_with_the_change(api: httpx.AsyncClient, client: Client) -> None:
    id = await deploy(api, prefix="p" + secrets.token_hex(4))
    waiting = asyncio.create_task(api.get(f"/api/deployment/{id}?wait=30"))
    await asyncio.sleep(0)
    await client.get_workflow_handle(id).terminate()

    answer = await asyncio.wait_for(waiting, 20)
    assert answer.json()["status"] == "needs_attention"


async def test_a_wait_without_a_change_ends_with_what_is(api: httpx.AsyncClient) -> None:
    id = await deploy(api, prefix="p" + secrets.token_hex(4))
    answer = await api.get(f"/api/deployment/{id}?wait=1")
    assert (answer.status_code, answer.json()["status"]) == (200, "queued")
    again = await api.get(
        f"/api/deployment/{id}?wait=1", headers={"If-None-Match": answer.headers["ETag"]}
    )
    assert again.status_code == 304


async def test_nobody_waits_for_what_has_changed_or_ended(
    api: httpx.AsyncClient, client: Client
) -> None:
    id = await deploy(api, prefix="p" + secrets.token_hex(4))
    old = {"If-None-Match": '"of an earlier answer"'}
    async with asyncio.timeout(20):
        assert (await api.get(f"/api/deployment/{id}?wait=30", headers=old)).status_code == 200
        await client.get_workflow_handle(id).terminate()
        assert (await api.get(f"/api/deployment/{id}?wait=30")).status_code == 200


@pytest.mark.parametrize("wait", ["-1", "31", "x", "1.5", "99999999999999999999"])
async def test_a_wait_outside_its_limits_is_refused(api: httpx.AsyncClient, wait: str) -> None:
    answer = await api.get(f"/api/deployment/dep-{'a' * 26}?wait={wait}")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/wait")


async def test_a_list_names_its_next_page(api: httpx.AsyncClient) -> None:
    prefix = "p" + secrets.token_hex(4)
    project = "list-" + secrets.token_hex(4)
    for number in range(2):
        await deploy(api, project_id=project, prefix=f"{prefix}{number}")

    path: str | None = f"/api/deployments?project={project}&limit=1"
    found: list[str] = []

    async def both() -> bool:
        found = await api.get(f"/api/deployments?project={project}")
        return len(found.json()["items"]) == 2

    # Temporal shows a new workflow in lists some moments later.
    await eventually(both, "both deployments")
    while path:
        answer = await api.get(path)
        found += [item["prefix"] for item in answer.json()["items"]]
        path = answer.links.get("next", {}).get("url")
    assert sorted(found) == [f"{prefix}0", f"{prefix}1"]
