"""Two workers with a data folder each: a stack is made once, where its state lies."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from adapters.temporal.stack_records import TemporalStackRecords
from deployments.deployment import DeploymentRequest, Operation, Stack, Status
from deployments.reasons import Reason
from tests.scenarios.command_line import CommandLine
from tests.scenarios.state_bucket import fronted_bucket
from tests.support.api import start_api, until_ready
from tests.support.servers import eventually, free_port
from tests.support.service import Deployment, House

STACK = Stack("sandbox", "demo-project-1", "twice")
REQUEST = DeploymentRequest(STACK, "us-central1", "US", '{"resource_seconds": 0}')


@pytest.fixture
async def other(house: House, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """Another host on the same Temporal."""
    data = tmp_path_factory.mktemp("other")
    other = replace(house, data=data, settings=dict(house.settings), workers=[])
    yield other
    await other.close()


async def deployed_on(house: House) -> Deployment:
    """A stack whose host has ended."""
    worker = house.worker()
    deployment = await house.start(REQUEST)
    result = await deployment.result()
    assert (result.status, result.counts.add) == (Status.COMPLETED, 12)
    worker.end()
    return deployment


def share_keys(house: House, other: House) -> None:
    """Both hosts decrypt the same variables, as with ANAVA_SECRETS__KEYS."""
    shutil.copy(house.data / "secrets.key", other.data)


async def test_another_host_does_not_make_the_stack_again(house: House, other: House) -> None:
    """It made all 12 resources again, with a second lineage, and completed."""
    first = await deployed_on(house)
    host = (await first.result()).host
    share_keys(house, other)
    other.worker()
    refused = await (await other.start(REQUEST)).result()
    assert (refused.status, refused.reason) == (Status.FAILED, Reason.STATE_ON_ANOTHER_HOST)
    assert host in refused.detail

    # The operator moves the state: no other action is needed.
    shutil.copytree(house.data / "stacks", other.data / "stacks", dirs_exist_ok=True)
    moved = await (await other.start(REQUEST)).result()
    assert (moved.status, moved.reason) == (Status.COMPLETED, Reason.NO_CHANGES)


@pytest.mark.long
async def test_the_host_that_has_the_state_takes_the_deployment(house: House, other: House) -> None:
    await deployed_on(house)
    share_keys(house, other)
    other.worker()
    await other.until_up()
    house.worker()
    for _ in range(3):
        result = await (await house.start(REQUEST)).result()
        assert (result.status, result.reason) == (Status.COMPLETED, Reason.NO_CHANGES)


@pytest.mark.long
async def test_a_shared_backend_without_the_state_does_not_make_the_stack_again(
    house: House, tmp_path: Path
) -> None:
    """The settings name a bucket now, and the state still lies on the disk."""
    first = await deployed_on(house)
    async with fronted_bucket(tmp_path / "buckets", house) as fronted:
        house.worker()
        refused = await (await house.start(REQUEST)).result()
        assert (refused.status, refused.reason) == (Status.FAILED, Reason.STATE_ON_ANOTHER_HOST)

        state = house.data / "stacks" / STACK.id / "terraform.tfstate"
        await fronted.bucket.put(first, "tfstate", state.read_bytes())
        moved = await (await house.start(REQUEST)).result()
        assert (moved.status, moved.reason) == (Status.COMPLETED, Reason.NO_CHANGES)


@pytest.mark.long
async def test_a_stack_that_was_destroyed_may_be_made_on_any_host(
    house: House, other: House
) -> None:
    worker = house.worker()
    assert (await (await house.start(REQUEST)).result()).status is Status.COMPLETED
    destroy = await house.start(replace(REQUEST, operation=Operation.DESTROY))
    assert (await destroy.result()).reason is Reason.DESTROYED
    worker.end()
    share_keys(house, other)
    other.worker()
    result = await (await other.start(REQUEST)).result()
    assert (result.status, result.counts.add) == (Status.COMPLETED, 12)


async def test_records_that_temporal_lost_are_written_again(house: House) -> None:
    await deployed_on(house)
    records = TemporalStackRecords(house.client)
    record = await records.read(STACK.id)
    assert record is not None
    await records.remove(STACK.id)
    house.worker()

    async def is_declared() -> bool:
        return await records.read(STACK.id) == record

    await eventually(is_declared, "the record of the state on the disk")


async def test_a_log_on_another_host_is_not_an_empty_log(
    house: House, other: House, tmp_path: Path
) -> None:
    """The answer was 200 without a line, and the command line ended with 0."""
    port = free_port()
    start_api(house, port)
    url = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=url, timeout=60) as api:
        await until_ready(api)
        share_keys(house, other)
        other.worker()
        body = {"template": "sandbox", "project_id": "demo-project-1", "prefix": "elsewhere"}
        started = await api.post("/api/deploy", json=body)
        path = f"/api/deployment/{started.json()['id']}"

        async def ended() -> str:
            return str((await api.get(path, params={"wait": 10})).json()["ended_at"] or "")

        await eventually(ended, "the end of the deployment", 90)
        host = (await api.get(path)).json()["host"]
        for name in ("logs", "logs/stream", "logs/verify", "plan", "artifacts", "progress"):
            answer = await api.get(f"{path}/{name}")
            problem = answer.json()
            assert (answer.status_code, problem["code"]) == (404, "on_another_host"), name
            assert host in problem["detail"]
        page = await api.get(f"/deployment/{started.json()['id']}")
        assert host in page.text

    command = CommandLine(house, url, tmp_path)
    ended_command = await command.run("logs", started.json()["id"])
    assert ended_command.code != 0
    assert host in ended_command.err
