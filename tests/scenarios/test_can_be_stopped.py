"""A deployment can be stopped at any moment, and says truthfully what is left."""

import asyncio

import pytest
from temporalio.client import WorkflowExecutionStatus

from deployments.deployment import Status
from deployments.reasons import Reason
from deployments.timings import PhaseTimeouts
from tests.support.invariants import check_invariants
from tests.support.servers import ROOT, TEMPORAL, eventually
from tests.support.service import House

INIT, PLAN, APPLY = 1, 2, 3
BY_US = 'anava:{"by": "local", "reason": "a test"}'


@pytest.mark.parametrize("step", [INIT, PLAN, APPLY])
@pytest.mark.parametrize(
    "name", [pytest.param("step.json", marks=pytest.mark.long), "started.json"]
)
async def test_cancel_in_every_phase(house: House, step: int, name: str) -> None:
    house.worker()
    deployment = await house.deploy(resource_seconds=20)
    await deployment.until_file(step, name)
    await deployment.handle.cancel(reason=BY_US)
    result = await deployment.result()
    assert (result.status, result.reason) == (Status.CANCELLED, Reason.CANCELLED_BY_USER)
    assert result.cancel is not None
    assert (result.cancel.by, result.cancel.reason) == ("local", "a test")
    assert await deployment.temporal_status() is WorkflowExecutionStatus.CANCELED
    assert set((await deployment.attempts()).values()) == {1}
    await check_invariants(house, deployment)


async def test_cancel_in_apply_interrupts_once_and_keeps_what_was_made(house: House) -> None:
    house.worker()
    deployment = await house.deploy(resource_seconds=1)
    await deployment.until_text(APPLY, "apply_complete")
    await deployment.handle.cancel(reason=BY_US)
    result = await deployment.result()
    assert result.status is Status.CANCELLED
    assert [signal["signal"] for signal in deployment.exit(APPLY)["signals"]] == ["SIGINT"]
    recorded = house.recorded(deployment)
    assert set(result.changed) <= recorded
    assert result.changed


async def test_temporal_workflow_cancel_does_the_same(house: House) -> None:
    house.worker()
    deployment = await house.deploy(resource_seconds=20)
    await deployment.until_text(APPLY, "apply_start")
    command = await asyncio.create_subprocess_exec(
        str(TEMPORAL),
        "workflow",
        "cancel",
        "--address",
        house.address,
        "-w",
        deployment.id,
        stdout=asyncio.subprocess.DEVNULL,
        cwd=ROOT,
    )
    assert await command.wait() == 0
    result = await deployment.result()
    assert (result.status, result.reason) == (Status.CANCELLED, Reason.CANCELLED_BY_OPERATOR)
    assert await deployment.temporal_status() is WorkflowExecutionStatus.CANCELED
    await check_invariants(house, deployment)


async def test_cancel_with_no_worker_is_carried_out_by_the_next(house: House) -> None:
    worker = house.worker()
    deployment = await house.deploy(resource_seconds=30)
    await deployment.until_text(APPLY, "apply_start")
    worker.kill()
    await deployment.handle.cancel(reason=BY_US)
    house.worker()
    result = await deployment.result()
    assert (result.status, result.reason) == (Status.CANCELLED, Reason.CANCELLED_BY_USER)
    assert [signal["signal"] for signal in deployment.exit(APPLY)["signals"]] == ["SIGINT"]
    await check_invariants(house, deployment)


async def test_cancel_before_any_worker(house: House) -> None:
    deployment = await house.deploy()
    await deployment.handle.cancel(reason=BY_US)
    house.worker()
    result = await deployment.result()
    assert result.status is Status.CANCELLED
    await check_invariants(house, deployment)


async def test_an_apply_past_its_deadline_fails_and_keeps_the_state(house: House) -> None:
    house.worker()
    deployment = await house.deploy(timeouts=PhaseTimeouts(apply_seconds=2), resource_seconds=30)
    result = await deployment.result()
    assert (result.status, result.reason) == (Status.FAILED, Reason.APPLY_TIMED_OUT)
    await check_invariants(house, deployment)


async def test_the_deadline_holds_with_no_worker_alive(house: House) -> None:
    worker = house.worker()
    deployment = await house.deploy(timeouts=PhaseTimeouts(apply_seconds=3), resource_seconds=30)
    await deployment.until_text(APPLY, "apply_start")
    worker.kill()
    await deployment.until_file(APPLY, "exit.json")
    house.worker()
    result = await deployment.result()
    assert (result.status, result.reason) == (Status.FAILED, Reason.APPLY_TIMED_OUT)
    await check_invariants(house, deployment)


@pytest.mark.long
async def test_a_terminated_deployment_leaves_no_terraform(house: House) -> None:
    house.worker()
    deployment = await house.deploy(resource_seconds=30)
    await deployment.until_text(APPLY, "apply_start")
    await deployment.handle.terminate()
    await deployment.until_file(APPLY, "exit.json")
    await eventually(lambda: (deployment.folder / "record.json").exists(), "the closing", 45)
    await check_invariants(house, deployment)
