"""States in Cloud Storage: re-deployed, re-attached, and no lock of a dead terraform stays."""

import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from deployments.deployment import Status
from deployments.reasons import Reason
from tests.scenarios.state_bucket import Bucket, settings
from tests.support import stores
from tests.support.invariants import Views, check_invariants
from tests.support.servers import Process, eventually
from tests.support.service import Deployment, House
from worker.run_directory import RunDirectory

APPLY = 3


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stores.Store]:
    with stores.object_store(tmp_path_factory.mktemp("gcs")) as store:
        yield store


@pytest.fixture
async def bucket(server: stores.Store, house: House) -> AsyncIterator[Bucket]:
    await server.until_up()
    await stores.make_bucket(server)
    house.settings |= settings(f"http://{server.host}")
    async with httpx.AsyncClient(base_url=f"http://{server.host}") as session:
        yield Bucket(session)


async def until_dead(deployment: Deployment) -> None:
    folder = deployment.file(APPLY, "")
    await eventually((folder / "exit.json").exists, "the runner's exit record")


async def paused_in_apply(house: House, prefix: str) -> tuple[Process, Deployment]:
    """An apply whose worker stands still."""
    worker = house.worker()
    deployment = await house.deploy(prefix=prefix, resource_seconds=3)
    await deployment.until_text(APPLY, "apply_start")
    worker.signal(signal.SIGSTOP)
    return worker, deployment


async def test_a_second_deployment_finds_the_state_and_changes_nothing(
    house: House, bucket: Bucket
) -> None:
    house.worker()
    first = await house.deploy(prefix="twice", resource_seconds=0)
    assert (await first.result()).reason is Reason.APPLIED
    assert len(await bucket.recorded(first)) == 12
    second = await house.deploy(prefix="twice", resource_seconds=0)
    assert (await second.result()).reason is Reason.NO_CHANGES
    assert await bucket.get(first, "tflock") == b""
    assert not list((house.data / "stacks").iterdir()), "nothing of it lies on this machine"


async def test_the_secret_output_of_an_earlier_deployment_stays_hidden(
    house: House, bucket: Bucket
) -> None:
    """It is known only from the state, which lies in the bucket."""
    house.worker()
    first = await house.deploy(resource_seconds=0, secret="hunter2-hunter2")  # noqa: S106 - planted
    assert (await first.result()).status is Status.COMPLETED
    assert b"hunter2-hunter2" in await bucket.get(first, "tfstate")
    prefix = first.stack.rpartition(".")[2]
    second = await house.deploy(prefix=prefix, resource_seconds=0, lines=0)
    await second.until_file(1, "step.json")
    assert f"{prefix}-hunter2-hunter2" in RunDirectory(second.folder).secrets()
    assert (await second.result()).status is Status.COMPLETED


async def test_a_killed_worker_is_followed_by_the_next(house: House, bucket: Bucket) -> None:
    worker = house.worker()
    deployment = await house.deploy(resource_seconds=2)
    await deployment.until_text(APPLY, "apply_start")
    worker.kill()
    house.worker()
    assert (await deployment.result()).status is Status.COMPLETED
    assert set((await deployment.attempts()).values()) == {1}
    assert len(await bucket.recorded(deployment)) == 12
    assert await bucket.get(deployment, "tflock") == b""
    await bucket.check(house, deployment)


@pytest.mark.parametrize("victims", [["terraform_pid"], ["runner_pid", "terraform_pid"]])
async def test_the_lock_of_a_killed_terraform_is_removed(
    house: House, bucket: Bucket, victims: list[str]
) -> None:
    worker, deployment = await paused_in_apply(house, f"killed-{len(victims)}")
    started = deployment.started(APPLY)
    for victim in victims:
        os.kill(started[victim], signal.SIGKILL)
    assert await bucket.get(deployment, "tflock"), "a killed terraform leaves it"
    worker.signal(signal.SIGCONT)

    assert (await deployment.result()).status is Status.NEEDS_ATTENTION
    await bucket.check(house, deployment)
    again = await house.deploy(prefix=f"killed-{len(victims)}", resource_seconds=0)
    assert (await again.result()).status is Status.COMPLETED
    assert len(await bucket.recorded(again)) == 12


async def test_the_lock_that_somebody_else_took_meanwhile_is_left_alone(
    house: House, bucket: Bucket
) -> None:
    worker, deployment = await paused_in_apply(house, "taken")
    os.kill(deployment.started(APPLY)["terraform_pid"], signal.SIGKILL)
    await until_dead(deployment)
    theirs = json.loads(await bucket.get(deployment, "tflock")) | {"ID": "x", "Who": "me@laptop"}
    await bucket.put(deployment, "tflock", json.dumps(theirs).encode())
    worker.signal(signal.SIGCONT)
    assert (await deployment.result()).status is Status.NEEDS_ATTENTION
    await check_invariants(house, deployment, Views(recorded=await bucket.recorded(deployment)))
    assert json.loads(await bucket.get(deployment, "tflock"))["Who"] == "me@laptop"


async def test_the_lock_of_a_terminated_deployment_is_removed(house: House, bucket: Bucket) -> None:
    worker, deployment = await paused_in_apply(house, "terminated")
    worker.kill()
    await deployment.handle.terminate()
    os.kill(deployment.started(APPLY)["terraform_pid"], signal.SIGKILL)
    assert await bucket.get(deployment, "tflock")
    house.worker()
    await deployment.until_file(APPLY, "closed")
    # Each worker's first scan closes what rests; the next of the same one is 30 s away.
    house.worker()
    await eventually((deployment.folder / "record.json").exists, "the end of its run directory")
    assert await bucket.get(deployment, "tflock") == b""


async def test_a_bucket_that_is_down_is_waited_for(
    house: House, bucket: Bucket, server: stores.Store, tmp_path: Path
) -> None:
    server.kill()
    house.worker()
    await house.until_up()
    deployment = await house.deploy(resource_seconds=0)

    async def was_tried() -> bool:
        pending = (await deployment.handle.describe()).raw_description.pending_activities
        return any("Cloud Storage" in item.last_failure.message for item in pending)

    await eventually(was_tried, "an attempt that finds no bucket")
    server.start()
    assert (await deployment.result()).status is Status.COMPLETED
    await bucket.check(house, deployment)
