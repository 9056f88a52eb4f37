"""A bucket that is away at the end of an apply costs no state, and no resource is made twice."""

import asyncio

import pytest

from deployments.deployment import DeploymentResult, Status
from deployments.errors import Audience
from deployments.explanations import explain
from deployments.reasons import Reason
from tests.scenarios.state_bucket import FrontedBucket, until_settled
from tests.support.processes import end_processes_below
from tests.support.servers import eventually
from tests.support.service import Deployment, House
from tests.support.verdicts import Verdict, always, never

APPLY = 3
RESOURCES = 12


async def deploy(house: House) -> Deployment:
    """Another deployment of the same stack."""
    return await house.deploy(prefix="away", resource_seconds=0.5)


async def applied_without_bucket(
    house: House, fronted: FrontedBucket, verdict: Verdict
) -> Deployment:
    """An apply whose state the bucket did not take; terraform may still try to unlock the state."""
    deployment = await deploy(house)
    await deployment.until_text(APPLY, "apply_start")
    fronted.proxy.rule = always(verdict)
    await eventually((deployment.folder / "work" / "errored.tfstate").exists, "errored.tfstate", 60)
    return deployment


def kill_everything(house: House) -> None:
    for worker in house.workers:
        worker.kill()
    end_processes_below(house.data)


async def check_nothing_is_made_twice(
    house: House, fronted: FrontedBucket, first: Deployment
) -> DeploymentResult:
    """The state is saved, the lock is gone, and the next deployment finds nothing to do."""
    result = await first.result(150)
    await until_settled(house)
    assert len(await fronted.bucket.recorded(first)) == RESOURCES
    assert await fronted.bucket.get(first, "tflock") == b""
    again = await deploy(house)
    unchanged = await again.result()
    assert (unchanged.status, unchanged.reason) == (Status.COMPLETED, Reason.NO_CHANGES)
    await fronted.bucket.check(house, first)
    return result


async def test_until_the_state_is_saved_the_stack_takes_no_deployment(
    house: House, fronted: FrontedBucket
) -> None:
    """The lock was gone and the state old: the next deployment made all resources again."""
    house.worker()
    first = await applied_without_bucket(house, fronted, Verdict.DROP)
    result = await first.result()
    assert (result.status, result.reason) == (Status.FAILED, Reason.STATE_BEING_RECOVERED)
    assert len(result.unrecorded) == RESOURCES
    assert {error.cause for error in result.errors} == {Reason.STATE_BEING_RECOVERED}

    refused = await (await deploy(house)).result()
    assert (refused.status, refused.reason) == (Status.FAILED, Reason.STATE_BEING_RECOVERED)
    assert explain(refused.reason).audience is Audience.USER

    fronted.proxy.rule = never
    await check_nothing_is_made_twice(house, fronted, first)


async def outage(
    house: House, fronted: FrontedBucket, verdict: Verdict, victim: str, seconds: float
) -> None:
    worker = house.worker()
    first = await applied_without_bucket(house, fronted, verdict)
    if victim == "worker":
        worker.kill()
        house.worker()
    elif victim == "everything":
        kill_everything(house)
        house.worker()
    # The length of the outage is the case.
    await asyncio.sleep(seconds)
    fronted.proxy.rule = never
    result = await check_nothing_is_made_twice(house, fronted, first)
    assert result.status is Status.FAILED
    assert result.reason in {Reason.STATE_BEING_RECOVERED, Reason.STATE_RECOVERED}


VERDICTS = [Verdict.DROP, Verdict.RESET, Verdict.UNAVAILABLE]
VICTIMS = ["nothing", "worker", "everything"]


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("victim", VICTIMS)
@pytest.mark.parametrize("verdict", VERDICTS, ids=lambda verdict: verdict.name)
@pytest.mark.parametrize("seconds", [1, 47])
async def test_a_state_is_saved_after_an_outage(
    house: House, fronted: FrontedBucket, verdict: Verdict, victim: str, seconds: float
) -> None:
    await outage(house, fronted, verdict, victim, seconds)


@pytest.mark.heavy
@pytest.mark.timeout(900)
@pytest.mark.parametrize("victim", VICTIMS)
@pytest.mark.parametrize("verdict", VERDICTS, ids=lambda verdict: verdict.name)
async def test_a_state_is_saved_after_an_outage_of_ten_minutes(
    house: House, fronted: FrontedBucket, verdict: Verdict, victim: str
) -> None:
    await outage(house, fronted, verdict, victim, 600)
