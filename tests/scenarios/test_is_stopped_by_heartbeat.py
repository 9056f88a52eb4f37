"""Where `stop_segment` does not arrive, the heartbeat carries the cancel."""

from temporalio.client import WorkflowExecutionStatus

from deployments.deployment import Status
from tests.scenarios.house import House

APPLY = 3


async def test_a_cancel_that_only_the_heartbeat_carries_interrupts_once(house: House) -> None:
    house.worker(program="tests/scenarios/deaf_worker.py")
    deployment = await house.deploy(resource_seconds=30)
    await deployment.until_text(APPLY, "apply_start")
    await deployment.handle.cancel(reason='anava:{"by": "local", "reason": "a test"}')
    await deployment.until_file(APPLY, "exit.json")
    exit_record = deployment.exit(APPLY)
    assert exit_record["stop"]["cause"] == "cancel"
    assert [one["signal"] for one in exit_record["signals"]] == ["SIGINT"]
    result = await deployment.result()
    assert result.status is Status.CANCELLED
    assert await deployment.temporal_status() is WorkflowExecutionStatus.CANCELED
    house.assert_unlocked(deployment)
    await house.assert_nothing_left(deployment)
