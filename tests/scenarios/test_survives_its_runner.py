"""A killed runner: terraform stops itself, and what can be repeated without loss is repeated."""

import os
import signal

import pytest

from deployments.deployment import Status
from deployments.reasons import Reason
from tests.support.invariants import check_invariants
from tests.support.servers import eventually
from tests.support.service import Deployment, House

APPLY = 3


def kill_runner(deployment: Deployment, step: int) -> None:
    os.kill(deployment.started(step)["runner_pid"], signal.SIGKILL)


@pytest.mark.parametrize("step", [1, 2])
async def test_init_and_plan_are_run_again_in_a_new_step(house: House, step: int) -> None:
    house.worker()
    deployment = await house.deploy(resource_seconds=0.1)
    await deployment.until_file(step, "started.json")
    kill_runner(deployment, step)
    result = await deployment.result()
    assert (result.status, result.reason) == (Status.COMPLETED, Reason.APPLIED)
    assert len(house.recorded(deployment)) == 12
    # A phase that was over before its runner could be killed is not repeated, and needs not be.
    lost = deployment.exit(step)["outcome"] == "runner_lost"
    assert len(result.seals) == (4 if lost else 3)
    await check_invariants(house, deployment)


async def test_a_drained_worker_stops_terraform_and_says_so(house: House) -> None:
    worker = house.worker(ANAVA_WORKER__DRAIN="true")
    deployment = await house.deploy(resource_seconds=30)
    await deployment.until_text(APPLY, "apply_start")
    worker.signal(signal.SIGTERM)
    await eventually(lambda: worker.popen.poll() is not None, "the worker's end")
    assert worker.popen.returncode == 0
    assert deployment.exit(APPLY)["stop"]["cause"] == "drain"
    house.worker()
    result = await deployment.result()
    assert (result.status, result.reason) == (Status.FAILED, Reason.HOST_STOPPED)
    await check_invariants(house, deployment)
