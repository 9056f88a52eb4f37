"""Whatever dies on the host, the deployment goes on and nothing is lost."""

import asyncio
import os
import signal
from dataclasses import replace

import pytest
from temporalio.api.enums.v1 import EventType

from adapters.local.host_report import LocalHostReports
from deployments.deployment import Status
from deployments.events import EndKind
from deployments.reasons import Reason
from tests.support.invariants import check_invariants
from tests.support.servers import TemporalServer, eventually
from tests.support.service import SHORT, Deployment, House

INIT, PLAN, APPLY = 1, 2, 3


async def assert_completed(
    house: House, deployment: Deployment, begun: set[int] | None = None
) -> None:
    """The end of a deployment of which these steps had begun when their worker died.

    A task that a worker took and died with before its `step.json` started nothing: Temporal
    repeats it, or the phase gets another step. Whatever had begun keeps its attempt.
    """
    result = await deployment.result()
    assert result.status is Status.COMPLETED
    attempts = await deployment.attempts()
    sealed = {seal.step for seal in result.seals if seal.end is not EndKind.NOT_STARTED}
    kept = sealed if begun is None else begun
    assert kept <= sealed
    assert [attempts[step] for step in kept] == [1 for _ in kept]
    assert len(sealed) == len((INIT, PLAN, APPLY))
    assert len(house.recorded(deployment)) == 12
    await check_invariants(house, deployment)


async def until_timed_out(deployment: Deployment) -> None:
    """Until Temporal has ended the activity attempt of a silent worker."""

    async def has_timed_out() -> bool:
        history = await deployment.handle.fetch_history()
        kinds = [event.event_type for event in history.events]
        pending = (await deployment.handle.describe()).raw_description.pending_activities
        retried = any(activity.attempt > 1 for activity in pending)
        return retried or EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT in kinds

    await eventually(has_timed_out, "the timeout of the activity")


@pytest.mark.parametrize("step", [INIT, PLAN, APPLY])
@pytest.mark.parametrize(
    "milliseconds",
    [25, *(pytest.param(moment, marks=pytest.mark.long) for moment in (0, 8, 80, 120))],
)
async def test_a_killed_worker_is_followed_by_the_next(
    house: House, step: int, milliseconds: int
) -> None:
    worker = house.worker()
    deployment = await house.deploy(resource_seconds=0.3)
    await deployment.until_file(step, "step.json")
    # The instant of the fault is the case.
    await asyncio.sleep(milliseconds / 1000)
    worker.kill()
    begun = deployment.begun()
    house.worker()
    await assert_completed(house, deployment, begun)


async def test_a_sibling_re_attaches_to_what_a_killed_worker_left(house: House) -> None:
    first = house.worker()
    await house.until_up()
    deployment = await house.deploy(resource_seconds=2)
    await deployment.until_file(APPLY, "started.json")
    house.worker()
    await house.until_up(2)
    first.kill()
    await assert_completed(house, deployment)


async def test_a_paused_worker_that_wakes_up_writes_nothing_more(house: House) -> None:
    first = house.worker(ANAVA_WORKER__STALE_SECONDS="3")
    await house.until_up()
    deployment = await house.deploy(resource_seconds=3)
    await deployment.until_file(APPLY, "started.json")
    first.signal(signal.SIGSTOP)
    house.worker(ANAVA_WORKER__STALE_SECONDS="3")
    await deployment.until_file(APPLY, "claim.2.json")
    first.signal(signal.SIGCONT)
    await assert_completed(house, deployment)


@pytest.mark.parametrize(
    "milliseconds",
    [400, *(pytest.param(200 * number, marks=pytest.mark.long) for number in range(20))],
)
async def test_an_apply_continues_after_a_pause_beyond_the_heartbeat_timeout(
    house: House, milliseconds: int
) -> None:
    """The worker wakes up when the workflow has attached again, or is about to attach."""
    worker = house.worker()
    timings = replace(SHORT, heartbeat_timeout_seconds=3, host_silence_seconds=2)
    deployment = await house.deploy(timings, resource_seconds=3)
    await deployment.until_text(APPLY, "apply_start")
    worker.signal(signal.SIGSTOP)
    await until_timed_out(deployment)
    # The instant of the fault is the case.
    await asyncio.sleep(milliseconds / 1000)
    worker.signal(signal.SIGCONT)
    await assert_completed(house, deployment)


@pytest.mark.long
async def test_a_worker_with_a_blocked_event_loop_is_named_and_ends(house: House) -> None:
    """It polled by its threads and passed for healthy, while no deployment of its host moved."""
    worker = house.worker("tests/scenarios/blocked_worker.py")
    await house.until_up()
    report = LocalHostReports(house.data / "runs", house.data)
    deployment = await house.deploy(resource_seconds=15)
    await deployment.until_text(APPLY, "apply_start")
    worker.signal(signal.SIGUSR1)

    async def is_named() -> bool:
        return bool((await report.current()).stalled_workers)

    await eventually(is_named, "the stalled worker in the report")
    await eventually(lambda: worker.popen.poll() is not None, "the worker's end", 60)
    assert worker.popen.returncode == os.EX_SOFTWARE
    assert not await is_named()
    house.worker()
    await assert_completed(house, deployment)


async def test_sigterm_leaves_terraform_to_the_next_worker(house: House) -> None:
    worker = house.worker()
    deployment = await house.deploy(resource_seconds=2)
    await deployment.until_text(APPLY, "apply_start")
    worker.signal(signal.SIGTERM)
    await eventually(lambda: worker.popen.poll() is not None, "the worker's end")
    assert worker.popen.returncode == 0
    house.worker()
    await assert_completed(house, deployment)


async def test_no_worker_for_longer_than_every_limit(house: House) -> None:
    worker = house.worker()
    timings = replace(SHORT, heartbeat_timeout_seconds=3, host_silence_seconds=2)
    deployment = await house.deploy(timings, resource_seconds=1)
    await deployment.until_text(APPLY, "apply_start")
    worker.kill()
    await until_timed_out(deployment)
    house.worker()
    result = await deployment.result()
    assert result.status is Status.COMPLETED
    await check_invariants(house, deployment)
    assert len(house.recorded(deployment)) == 12


async def test_a_killed_runner_in_apply_ends_truthfully(house: House) -> None:
    house.worker()
    deployment = await house.deploy(resource_seconds=2)
    await deployment.until_text(APPLY, "apply_start")
    os.kill(deployment.started(APPLY)["runner_pid"], signal.SIGKILL)
    result = await deployment.result()
    assert (result.status, result.reason) == (Status.NEEDS_ATTENTION, Reason.RUNNER_LOST)
    assert deployment.exit(APPLY)["outcome"] == "runner_lost"
    assert house.recorded(deployment), "terraform wrote its state"
    await check_invariants(house, deployment)


async def test_temporal_killed_and_restarted_during_apply(
    house: House, temporal: TemporalServer
) -> None:
    house.worker()
    deployment = await house.deploy(resource_seconds=2)
    await deployment.until_text(APPLY, "apply_start")
    temporal.kill()
    await deployment.until_text(APPLY, "apply_complete")
    temporal.start()
    await temporal.client()
    await assert_completed(house, deployment)
