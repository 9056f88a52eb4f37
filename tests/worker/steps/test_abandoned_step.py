"""A step that no workflow waits for: terraform is stopped, and the worker stays responsive."""

import asyncio

from deployments.errors import AttemptGone
from deployments.step import ActivityToken, StopCause
from tests.support.servers import eventually
from tests.worker.steps.supervising import FakeStep, FakeTemporal, supervisor_of


class ForgetfulTemporal(FakeTemporal):
    """Knows neither the attempt nor a workflow that waits for the step."""

    async def acknowledge(self, detail: str) -> bool:
        raise AttemptGone("unknown attempt")

    async def is_pending(self, activity_token: ActivityToken, activity_id: str) -> bool:
        return False


async def test_a_request_to_acknowledge_does_not_make_the_heartbeats_spin() -> None:
    """The event stayed set once the step was abandoned, and its loop never yielded again."""
    step = FakeStep()
    supervisor = supervisor_of(step, ForgetfulTemporal())
    running = asyncio.create_task(supervisor.run())
    await eventually(lambda: step.stops == [StopCause.ABANDONED], "the stop of terraform")
    supervisor.acknowledge_now()
    turned = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(0.1, turned.set_result, None)
    await asyncio.wait_for(turned, 10)
    step.ended = True
    await running
