"""Nobody reads the console: the worker works and ends as ever, and the next one says the rest."""

import asyncio
import signal

from deployments.deployment import Status
from tests.faults.console import Console, console_worker
from tests.support.fixtures import house as house
from tests.support.fixtures import temporal as temporal
from tests.support.invariants import check_invariants
from tests.support.servers import eventually
from tests.support.service import House


async def test_a_worker_whose_console_nobody_reads_ends_and_the_next_one_says_the_rest(
    house: House,
) -> None:
    house.settings = {"ANAVA_LOG__SINKS": "local,console"}
    stuck, free = Console(), Console()
    stuck.reads.clear()
    worker = console_worker(house)
    first = asyncio.create_task(stuck.follow(worker))
    # Some 100 times what a pipe holds.
    deployment = await house.deploy(resource_seconds=0, lines=1_000)
    assert (await deployment.result()).status is Status.COMPLETED
    worker.signal(signal.SIGTERM)
    await eventually(lambda: worker.popen.poll() is not None, "the end of the worker")
    stuck.reads.set()
    await first
    assert not stuck.equals(deployment, 3), "it was stuck"
    second = asyncio.create_task(free.follow(console_worker(house)))
    await eventually(lambda: free.holds_rest_of(stuck, deployment, 3), "the rest")
    await check_invariants(house, deployment)
    house.end()
    await second
