"""Where `stop_step` does not arrive, the heartbeat carries the cancel."""

from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowExecutionStatus

from deployments.deployment import Status
from tests.support.invariants import check_invariants
from tests.support.servers import eventually
from tests.support.service import Deployment, House

APPLY = 3


async def ends_of(deployment: Deployment, activity: str) -> int:
    """How many activities of this name were completed."""
    history = await deployment.handle.fetch_history()
    scheduled = {
        event.event_id
        for event in history.events
        if event.activity_task_scheduled_event_attributes.activity_type.name == activity
    }
    assert scheduled, f"{activity} was tried"
    return sum(
        event.activity_task_completed_event_attributes.scheduled_event_id in scheduled
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED
    )


async def test_a_cancel_that_only_the_heartbeat_carries_interrupts_once(house: House) -> None:
    house.worker(program="tests/scenarios/deaf_worker.py")
    deployment = await house.deploy(resource_seconds=30)
    await deployment.until_text(APPLY, "apply_start")
    await deployment.handle.cancel(reason='anava:{"by": "local", "reason": "a test"}')
    # A heartbeat a second; how long the way takes is measured, this is only its deadline.
    await eventually(deployment.file(APPLY, "exit.json").exists, "the stop", 5)
    exit_record = deployment.exit(APPLY)
    assert exit_record["stop"]["cause"] == "cancel"
    assert [signal["signal"] for signal in exit_record["signals"]] == ["SIGINT"]
    result = await deployment.result()
    assert await ends_of(deployment, "stop_step") == 0
    assert result.status is Status.CANCELLED
    assert await deployment.temporal_status() is WorkflowExecutionStatus.CANCELED
    await check_invariants(house, deployment)
