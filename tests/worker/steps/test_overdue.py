"""The supervisor tells the workflow what takes far too long: once, and again when that changes."""

import asyncio
from dataclasses import replace

from deployments.step import Resource, ResourceStatus
from tests.support.servers import eventually
from tests.worker.steps.supervising import FakeStep, FakeTemporal, supervisor_of

SLOW = Resource("google_x.a", "create", ResourceStatus.RUNNING, overdue=True)


async def test_it_is_told_once_and_again_when_it_changes() -> None:
    step, temporal = FakeStep(), FakeTemporal()
    running = asyncio.create_task(supervisor_of(step, temporal).run())
    temporal.away = True
    step.slow = [SLOW]
    await eventually(lambda: temporal.reports == [["google_x.a"]], "the first word")

    step.slow = [SLOW, replace(SLOW, address="google_x.b")]
    await eventually(lambda: len(temporal.reports) == 2, "the second word")
    step.slow = []
    await eventually(lambda: len(temporal.reports) == 3, "the all-clear")
    step.ended = True
    await running

    assert temporal.reports == [["google_x.a"], ["google_x.a", "google_x.b"], []]
