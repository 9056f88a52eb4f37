"""A worker that is paused for longer than every limit of Temporal, with the default timings."""

import asyncio
import json
import signal

import pytest

from deployments.deployment import Status
from deployments.timings import Timings
from tests.support.fixtures import house as house
from tests.support.fixtures import temporal as temporal
from tests.support.invariants import check_invariants
from tests.support.processes import Usage
from tests.support.servers import ROOT
from tests.support.service import House

APPLY = 3
# Longer than the heartbeat timeout of 90 s and the 30 s that a task may wait on the host's queue.
PAUSE_SECONDS = 130
# The bound on the worker's processor time holds from 60 s after the pause on: that is the promise.
REST_SECONDS, MEASURED_SECONDS = 60, 10
# The promise, and the memory of the few events that the pause delayed.
MOST_CPU, MOST_GROWTH = 0.05, 1.1
FIGURES = ROOT / ".cache" / "faults.jsonl"


@pytest.mark.heavy
@pytest.mark.timeout(600)
@pytest.mark.parametrize("applied_seconds", [5, 25, 45])
async def test_an_apply_continues_after_its_worker_was_paused_for_130_s(
    house: House, applied_seconds: int
) -> None:
    """The worker took 90 % of a core for ever, grew by 6 to 20 MB/s and moved no deployment."""
    worker = house.worker()
    deployment = await house.deploy(Timings(), resource_seconds=60)
    await deployment.until_text(APPLY, "apply_start")
    # The instant of the pause and its length are the case.
    await asyncio.sleep(applied_seconds)
    memory = Usage(worker.popen.pid).memory_mb
    worker.signal(signal.SIGSTOP)
    await asyncio.sleep(PAUSE_SECONDS)
    worker.signal(signal.SIGCONT)
    await asyncio.sleep(REST_SECONDS)
    usage = Usage(worker.popen.pid)
    await asyncio.sleep(MEASURED_SECONDS)
    cpu = usage.cpu_seconds / MEASURED_SECONDS
    growth = usage.memory_mb / memory
    result = await deployment.result(300)
    attempts = await deployment.attempts()
    figures = {"case": "pause", "at": applied_seconds, "cpu": cpu, "memory_mb": round(memory, 1)}
    figures |= {"growth": round(growth, 3), "attempt": attempts[APPLY], "status": result.status}
    FIGURES.parent.mkdir(exist_ok=True)
    with FIGURES.open("a") as file:
        file.write(json.dumps(figures) + "\n")
    assert (result.status, attempts[APPLY]) == (Status.COMPLETED, 1)
    assert not deployment.exit(APPLY)["signals"], "terraform was left alone"
    assert len(house.recorded(deployment)) == 12
    assert cpu < MOST_CPU
    assert growth < MOST_GROWTH
    await check_invariants(house, deployment)
