"""The disk of the host becomes full: the end, the log and the state stay true."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from deployments.deployment import DeploymentResult, Status
from deployments.events import EndKind
from deployments.reasons import Reason
from tests.support.invariants import check_invariants
from tests.support.servers import TemporalServer, eventually
from tests.support.service import Deployment, House
from tests.support.small_disk import SmallDisk, small_disk

APPLY = 3
RESOURCES = 12
# Two deployments reserve 16 MB each and 4 MB for a step; 24 MB must be free for an admission.
_MEGABYTES = 64
_MIN_FREE_MB = "24"
# From the end of an admission to the end of the apply, on a quiet machine.
_SPAN_SECONDS = 6.0
_TRUE_ENDS = {
    (Status.COMPLETED, Reason.APPLIED),
    (Status.FAILED, Reason.DISK_FULL),
    (Status.NEEDS_ATTENTION, Reason.DISK_FULL),
    (Status.NEEDS_ATTENTION, Reason.UNRECORDED_RESOURCES),
}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", _MEGABYTES) as disk:
        yield disk


@pytest.fixture
async def small_house(temporal: TemporalServer, disk: SmallDisk) -> AsyncIterator[House]:
    data = disk.path / "data"
    data.mkdir()
    settings = {"ANAVA_WORKER__MIN_FREE_MB": _MIN_FREE_MB}
    house = House(await temporal.client(), temporal.address, data, settings)
    yield house
    await house.close()


async def _deploy(house: House, prefix: str) -> Deployment:
    return await house.deploy(prefix=prefix, resource_seconds=1, lines=20)


async def _judge(
    house: House, deployment: Deployment, disk: SmallDisk, prefix: str
) -> DeploymentResult:
    """The end names the disk, nothing is lost, and the next deployment makes only the rest."""
    result = await deployment.result(60)
    disk.free()
    assert (result.status, result.reason) in _TRUE_ENDS, result
    if result.status is not Status.COMPLETED:
        assert "disk of the host was full" in result.detail
    await check_invariants(house, deployment)
    recorded = house.recorded(deployment)
    again = await _deploy(house, prefix)
    second = await again.result(60)
    assert second.status is Status.COMPLETED
    # An interrupted provisioner leaves its resource tainted, to be replaced.
    assert len(recorded) - second.counts.remove + second.counts.add == RESOURCES
    assert len(house.recorded(again)) == RESOURCES
    return result


async def _after_prepare(deployment: Deployment) -> None:
    await eventually(deployment.folder.is_dir, "the run directory", 60)


async def _fill_in_the_apply(
    house: House, disk: SmallDisk, *, without_end: bool
) -> tuple[Deployment, str]:
    house.worker()
    await house.until_up()
    prefix = f"full-{int(without_end)}"
    deployment = await _deploy(house, prefix)
    await deployment.until_text(APPLY, '"type":"apply_complete"')
    if without_end:
        disk.fill_without_end()
    else:
        disk.fill()
    return deployment, prefix


@pytest.mark.parametrize("without_end", [False, True])
async def test_an_apply_on_a_full_disk_ends_as_what_it_did(
    small_house: House, disk: SmallDisk, *, without_end: bool
) -> None:
    """Terraform had applied all, and the deployment ended as not started."""
    deployment, prefix = await _fill_in_the_apply(small_house, disk, without_end=without_end)
    result = await _judge(small_house, deployment, disk, prefix)
    assert (result.status, result.reason) == (Status.FAILED, Reason.DISK_FULL)
    assert [seal.end for seal in result.seals] == [EndKind.COMPLETE] * 3
    assert result.unrecorded == []


async def test_a_deployment_waits_for_free_space(small_house: House, disk: SmallDisk) -> None:
    disk.fill(leave_bytes=20_000_000)
    small_house.worker()
    await small_house.until_up()
    deployment = await _deploy(small_house, "waits")

    async def waits() -> bool:
        description = await deployment.handle.describe()
        attributes = description.typed_search_attributes
        return any(pair.value == Reason.WAITING_FOR_HOST for pair in attributes.search_attributes)

    await eventually(waits, "the reason of the wait", 60)
    assert not deployment.folder.exists()
    disk.free()
    assert (await deployment.result()).status is Status.COMPLETED


@pytest.mark.long
@pytest.mark.parametrize("seed", range(20))
async def test_a_disk_that_is_full_at_any_moment_leaves_the_truth(
    small_house: House, disk: SmallDisk, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - instants of a test
    small_house.worker()
    await small_house.until_up()
    deployment = await _deploy(small_house, f"instant-{seed}")
    await _after_prepare(deployment)
    # The instant at which the disk becomes full is the case.
    await asyncio.sleep(chance.uniform(0, _SPAN_SECONDS))
    if chance.random() < 0.5:
        disk.fill()
    else:
        disk.fill_without_end()
    await _judge(small_house, deployment, disk, f"instant-{seed}")
