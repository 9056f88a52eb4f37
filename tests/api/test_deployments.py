import asyncio
import secrets
import uuid

import httpx
import pytest
from temporalio.client import Client

from api.dependencies import Services
from deployments.deployment import DEFAULT_TENANT
from deployments.execution import Caller, rfc3339
from deployments.requests import DeploymentFields, check
from tests.api.requests import PROJECT, deploy

LOCAL = Caller(DEFAULT_TENANT, "local")
UNKNOWN = "dep-" + "a" * 26


def key() -> dict[str, str]:
    return {"Idempotency-Key": uuid.uuid4().hex}


async def test_fifty_equal_requests_at_once_start_one_deployment(
    api: httpx.AsyncClient, client: Client
) -> None:
    headers = key()
    prefix = "p" + secrets.token_hex(4)
    body = {"template": "sandbox", "project_id": PROJECT, "prefix": prefix}
    answers = await asyncio.gather(
        *(api.post("/api/deploy", json=body, headers=headers) for _ in range(50))
    )
    assert {answer.status_code for answer in answers} == {202}
    assert len({item.content for item in answers}) == 1
    first = answers[0].json()
    assert answers[0].headers["Location"] == f"/api/deployment/{first['id']}"
    await client.get_workflow_handle(first["id"]).terminate()
    again = await api.post("/api/deploy", json=body, headers=headers)
    assert again.content == answers[0].content


async def test_a_key_with_another_body_is_refused(api: httpx.AsyncClient) -> None:
    headers = key()
    first = await api.post(
        "/api/deploy", json={"template": "sandbox", "project_id": PROJECT}, headers=headers
    )
    assert first.status_code == 202
    other = await api.post(
        "/api/deploy", json={"template": "sandbox", "project_id": "customer-2"}, headers=headers
    )
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize("bad", ["", "a b", "x" * 256, "tab\there"])
async def test_a_key_that_is_no_visible_ascii_is_refused(api: httpx.AsyncClient, bad: str) -> None:
    answer = await api.post(
        "/api/deploy",
        json={"template": "sandbox", "project_id": PROJECT},
        headers={"Idempotency-Key": bad},
    )
    assert answer.status_code == 422


async def test_older_spellings_mean_the_same(api: httpx.AsyncClient) -> None:
    answer = await api.post(
        "/api/deploy",
        json={"template": "sandbox", "projectId": "customer-9", "storageLocation": "EU"},
    )
    assert answer.json()["project_id"] == "customer-9"
    assert answer.json()["storage_location"] == "EU"


@pytest.mark.parametrize(
    "fields",
    [
        {"approval": "always"},
        {"continues": "dep-x"},
        {"template_version": "9f86d081884c"},
        {"revision": 3},
        {"operation": "drift"},
        {"operation": "repair"},
    ],
)
async def test_what_this_version_cannot_do_is_not_available(
    api: httpx.AsyncClient, fields: dict[str, object]
) -> None:
    answer = await api.post(
        "/api/deploy", json={"template": "sandbox", "project_id": PROJECT, **fields}
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "not_available")
    assert answer.json()["errors"][0]["pointer"] == f"/{next(iter(fields))}"


async def test_a_template_is_never_guessed(api: httpx.AsyncClient) -> None:
    answer = await api.post("/api/deploy", json={"project_id": PROJECT})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["errors"] == [
        {"pointer": "/template", "code": "missing", "message": "This field is required."}
    ]


async def test_a_deployment_shows_what_was_asked_but_no_secret(
    api: httpx.AsyncClient, client: Client
) -> None:
    found = await deploy(api, variables={"secret": "hunter2", "lines": 3})
    answer = await api.get(f"/api/deployment/{found}")
    body = answer.json()
    assert (body["status"], body["phase"], body["reason"]) == ("queued", "queue", "none")
    assert body["variables"] == {"lines": 3}
    assert body["actions"]["can_cancel"] is True
    assert body["result"] is None
    assert (body["tenant"], body["template_version"], body["revision"]) == ("local", "", None)
    assert (body["started_at"], body["ended_at"]) == (None, None)
    assert "hunter2" not in answer.text
    description = await client.get_workflow_handle(found).describe()
    assert "hunter2" not in str(await description.memo())
    assert body["created_at"] == rfc3339(description.start_time)


async def test_a_foreign_deployment_looks_like_an_unknown_one(
    api: httpx.AsyncClient, services: Services
) -> None:
    found = await deploy(api)
    snapshot = await services.deployments.get(LOCAL, found)
    assert snapshot.owner == "local"
    foreign = await services.deployments.start(
        Caller(DEFAULT_TENANT, "other"), check(DeploymentFields(PROJECT, "sandbox")), None
    )
    for path in ("", "/logs", "/logs/stream", "/resources", "/progress"):
        unknown = (await api.get(f"/api/deployment/{UNKNOWN}{path}")).json()
        theirs = await api.get(f"/api/deployment/{foreign.id}{path}")
        assert theirs.status_code == 404
        assert unknown | {"request_id": ""} == theirs.json() | {"request_id": ""}
    refused = await api.post(f"/api/deployment/{foreign.id}/cancel")
    assert refused.status_code == 404
    assert foreign.id not in (await api.get("/api/deployments?limit=100")).text


async def test_a_queued_deployment_can_be_cancelled(api: httpx.AsyncClient) -> None:
    found = await deploy(api)
    answer = await api.post(f"/api/deployment/{found}/cancel", json={"reason": "wrong project"})
    assert answer.status_code == 202
    body = answer.json()
    # No worker is up, so only the request for it is true yet.
    assert (body["status"], body["cancel_requested"]) == ("queued", True)
    assert body["actions"]["can_force_cancel"] is True
    again = await api.post(f"/api/deployment/{found}/cancel", json={"force": True})
    assert again.status_code == 202


async def test_a_terminated_deployment_needs_attention(
    api: httpx.AsyncClient, client: Client
) -> None:
    found = await deploy(api)
    await client.get_workflow_handle(found).terminate()
    body = (await api.get(f"/api/deployment/{found}")).json()
    assert (body["status"], body["reason"]) == ("needs_attention", "terminated_by_operator")
    answer = await api.post(f"/api/deployment/{found}/cancel")
    assert (answer.status_code, answer.json()["code"]) == (409, "already_finished")


async def test_a_list_has_filters_and_a_cursor(api: httpx.AsyncClient) -> None:
    project = "list-" + secrets.token_hex(6)
    made = {await deploy(api, project_id=project, prefix=f"p{number}") for number in range(3)}
    async with asyncio.timeout(20):
        while True:
            page = (await api.get(f"/api/deployments?project={project}&status=queued")).json()
            if len(page["items"]) == len(made):
                break
    assert {item["id"] for item in page["items"]} == made
    snapshot: list[str] = []
    cursor = ""
    while True:
        part = (await api.get(f"/api/deployments?project={project}&limit=2{cursor}")).json()
        snapshot += [entry["id"] for entry in part["items"]]
        if part["next_cursor"] is None:
            break
        cursor = f"&cursor={part['next_cursor']}"
    assert sorted(snapshot) == sorted(made)
    stack = (await api.get(f"/api/deployments?stack=local.sandbox.{project}.p1")).json()
    assert len(stack["items"]) == 1
    assert (await api.get("/api/deployments?status=needs_attention")).status_code == 200
