"""A cancel through the HTTP API, in every phase: one interrupt, and a truthful end."""

from collections.abc import AsyncIterator, Mapping

import httpx
import pytest
from temporalio.client import WorkflowExecutionStatus

from tests.scenarios.house import Deployment, House
from tests.scenarios.test_is_followed_live import start_api, until_ready
from tests.servers import eventually, free_port

INIT, PLAN, APPLY = 1, 2, 3
BODY = {"project_id": "demo-project-1", "variables": {"resource_seconds": 20}}


@pytest.fixture
async def session(house: House) -> AsyncIterator[httpx.AsyncClient]:
    port = free_port()
    start_api(house, port)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as session:
        await until_ready(session)
        yield session


async def deploy(
    session: httpx.AsyncClient, house: House, body: Mapping[str, object]
) -> Deployment:
    found = (await session.post("/api/deploy", json=body)).json()
    handle = house.client.get_workflow_handle(found["id"])
    return Deployment(found["id"], handle, house.data / "runs" / found["id"], found["stack"])


async def cancel(session: httpx.AsyncClient, deployment: Deployment) -> httpx.Response:
    path = f"/api/deployment/{deployment.id}/cancel"
    return await session.post(path, json={"reason": "wrong project"})


async def assert_cancelled(
    session: httpx.AsyncClient, house: House, deployment: Deployment
) -> dict[str, object]:
    await deployment.result()
    seen: dict[str, object] = (await session.get(f"/api/deployment/{deployment.id}")).json()
    result = seen["result"]
    assert isinstance(result, dict)
    assert (seen["status"], seen["reason"]) == ("cancelled", "cancelled_by_user")
    assert result["cancel"] == {"by": "local", "reason": "wrong project"}
    assert await deployment.temporal_status() is WorkflowExecutionStatus.CANCELED
    house.assert_unlocked(deployment)
    await house.assert_nothing_left(deployment)
    return result


@pytest.mark.parametrize("segment", [INIT, PLAN, APPLY])
async def test_a_running_phase_is_interrupted_once(
    house: House, session: httpx.AsyncClient, segment: int
) -> None:
    house.worker()
    deployment = await deploy(session, house, BODY)
    await deployment.until_file(segment, "segment.json")
    answer = await cancel(session, deployment)
    assert answer.status_code == 202
    assert answer.json()["cancel_requested"] is True
    assert answer.json()["status"] in {"running", "cancelled"}

    await assert_cancelled(session, house, deployment)

    last = max(int(path.name) for path in (deployment.folder / "segments").iterdir())
    signals = [one["signal"] for one in deployment.exit(last).get("signals", [])]
    # A phase that ended in the same moment was not interrupted, and the next one never started.
    assert signals in (["SIGINT"], [])
    if segment == APPLY:
        assert signals == ["SIGINT"]


async def test_what_waits_for_a_worker_is_cancelled_when_one_comes(
    house: House, session: httpx.AsyncClient
) -> None:
    deployment = await deploy(session, house, BODY)
    answer = await cancel(session, deployment)
    assert answer.status_code == 202
    assert answer.json()["status"] == "queued"

    house.worker()

    await assert_cancelled(session, house, deployment)
    assert not (deployment.folder / "segments").exists()


async def test_what_was_made_before_the_cancel_stays(
    house: House, session: httpx.AsyncClient
) -> None:
    house.worker()
    body = {"project_id": "demo-project-1", "variables": {"resource_seconds": 2}}
    deployment = await deploy(session, house, body)
    await deployment.until_text(APPLY, "apply_complete")
    await cancel(session, deployment)

    result = await assert_cancelled(session, house, deployment)

    changed = result["changed"]
    assert isinstance(changed, list)
    assert changed
    assert set(changed) <= house.recorded(deployment)


async def test_a_second_cancel_keeps_the_first_reason_and_interrupts_no_second_time(
    house: House, session: httpx.AsyncClient
) -> None:
    house.worker()
    deployment = await deploy(session, house, BODY)
    await deployment.until_text(APPLY, "apply_start")
    await cancel(session, deployment)
    path = f"/api/deployment/{deployment.id}/cancel"
    again = await session.post(path, json={"reason": "another"})
    assert again.status_code in {202, 409}

    await assert_cancelled(session, house, deployment)

    assert [one["signal"] for one in deployment.exit(APPLY)["signals"]] == ["SIGINT"]


async def test_a_finished_deployment_cannot_be_cancelled(
    house: House, session: httpx.AsyncClient
) -> None:
    house.worker()
    deployment = await deploy(session, house, {"project_id": "demo-project-1"})
    await deployment.result()

    async def refused() -> httpx.Response | None:
        answer = await cancel(session, deployment)
        return answer if answer.status_code == 409 else None

    answer = await eventually(refused, "the refusal")
    assert answer.json()["code"] == "already_finished"
