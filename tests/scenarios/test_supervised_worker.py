"""`anava worker --restart`, as pid 1 of a container runs it, and `--drain`."""

import os
import signal
import sys

import pytest

from cli import worker_healthcheck
from deployments.deployment import Status
from deployments.reasons import Reason
from tests.support.invariants import check_invariants, check_unlocked
from tests.support.processes import children
from tests.support.servers import ROOT, Process, eventually
from tests.support.service import House

APPLY = 3


def start(house: House, *options: str) -> Process:
    process = Process(
        [sys.executable, "-m", "cli.main", "worker", *options],
        {**house.environment(), "PYTHONPATH": str(ROOT)},
        house.data / "worker.log",
    )
    house.workers.append(process)
    return process


async def test_a_killed_worker_is_restarted_and_re_attaches(house: House) -> None:
    parent = start(house, "--restart")
    await house.until_up()
    deployment = await house.deploy(resource_seconds=2)
    await deployment.until_text(APPLY, "apply_start")
    [worker] = children(parent.popen.pid)
    os.kill(worker, signal.SIGKILL)

    result = await deployment.result()

    assert result.status is Status.COMPLETED
    assert set((await deployment.attempts()).values()) == {1}
    assert len(house.recorded(deployment)) == 12
    assert children(parent.popen.pid) not in ([], [worker])
    await check_invariants(house, deployment)


async def test_sigterm_to_the_supervisor_leaves_terraform_to_the_next_worker(house: House) -> None:
    parent = start(house, "--restart")
    await house.until_up()
    deployment = await house.deploy(resource_seconds=3)
    await deployment.until_text(APPLY, "apply_start")
    parent.signal(signal.SIGTERM)
    assert parent.popen.wait(20) == 0
    assert not deployment.file(APPLY, "stop.json").exists()

    house.worker()
    result = await deployment.result()

    assert result.status is Status.COMPLETED
    assert set((await deployment.attempts()).values()) == {1}
    await check_invariants(house, deployment)


@pytest.mark.parametrize(
    "options",
    [["--drain"], pytest.param(["--restart", "--drain"], marks=pytest.mark.long)],
)
async def test_a_draining_worker_stops_terraform_and_says_so(
    house: House, options: list[str]
) -> None:
    worker = start(house, *options)
    await house.until_up()
    deployment = await house.deploy(resource_seconds=30)
    await deployment.until_text(APPLY, "apply_start")
    worker.signal(signal.SIGTERM)
    assert worker.popen.wait(30) == 0
    assert [item["signal"] for item in deployment.exit(APPLY)["signals"]] == ["SIGINT"]
    check_unlocked(house.data, deployment.stack)

    # Its end is told by the next worker at the latest.
    house.worker()
    result = await deployment.result()

    assert (result.status, result.reason) == (Status.FAILED, Reason.HOST_STOPPED)
    await check_invariants(house, deployment)


async def test_a_cancel_without_a_worker_is_carried_out_soon_after_one_starts(
    house: House,
) -> None:
    worker = house.worker()
    deployment = await house.deploy(resource_seconds=60)
    await deployment.until_text(APPLY, "apply_start")
    worker.kill()
    await deployment.handle.cancel(reason='anava:{"by": "local", "reason": "a test"}')
    house.worker()
    await house.until_up(2)

    await eventually(deployment.file(APPLY, "exit.json").exists, "the stop", 10)

    assert [signal["signal"] for signal in deployment.exit(APPLY)["signals"]] == ["SIGINT"]
    assert (await deployment.result()).status is Status.CANCELLED
    await check_invariants(house, deployment)


async def test_a_health_check_tells_a_worker_that_stands_still(house: House) -> None:
    runs = house.data / "runs"
    assert worker_healthcheck.main(str(runs)) == 1, "there is none"
    worker = house.worker()
    await house.until_up()
    [lock] = (runs / "workers").glob("*.lock")
    os.utime(lock, (0, 0))
    await eventually(lambda: worker_healthcheck.main(str(runs)) == 0, "a sign of life")
    worker.signal(signal.SIGSTOP)
    os.utime(lock, (0, 0))
    assert worker_healthcheck.main(str(runs)) == 1
    os.utime(lock)
    lock.write_text("another-machine")
    assert worker_healthcheck.main(str(runs)) == 1
