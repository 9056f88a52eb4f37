"""The keeper tells the workflow what takes far too long: once, and again when that changes."""

import asyncio
from dataclasses import replace

from deployments.step import Resource, ResourceStatus
from tests.servers import eventually
from tests.worker.steps.supervising import Folder, Temporal, keeper_of

SLOW = Resource("google_x.a", "create", ResourceStatus.RUNNING, overdue=True)


async def test_it_is_told_once_and_again_when_it_changes() -> None:
    folder, temporal = Folder(), Temporal()
    keeping = asyncio.create_task(keeper_of(folder, temporal).keep())
    temporal.away = True
    folder.slow = [SLOW]
    await eventually(lambda: temporal.told == [["google_x.a"]], "the first word")

    folder.slow = [SLOW, replace(SLOW, address="google_x.b")]
    await eventually(lambda: len(temporal.told) == 2, "the second word")
    folder.slow = []
    await eventually(lambda: len(temporal.told) == 3, "the all-clear")
    folder.ended = True
    await keeping

    assert temporal.told == [["google_x.a"], ["google_x.a", "google_x.b"], []]
