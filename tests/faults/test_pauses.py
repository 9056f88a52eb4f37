"""A worker that is paused for longer than every limit of Temporal, with the default timings."""

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from deployments.deployment import Status
from deployments.timings import Timings
from tests.support.fixtures import house as house
from tests.support.fixtures import temporal as temporal
from tests.support.invariants import check_invariants
from tests.support.servers import ROOT
from tests.support.service import House

APPLY = 3
# Longer than the heartbeat timeout of 90 s and the 30 s that a task may wait on the host's queue.
PAUSE_SECONDS = 130
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
    await asyncio.sleep(applied_seconds)
    memory = memory_mb(worker.popen.pid)
    worker.signal(signal.SIGSTOP)
    await asyncio.sleep(PAUSE_SECONDS)
    worker.signal(signal.SIGCONT)
    await asyncio.sleep(REST_SECONDS)
    before = cpu_seconds(worker.popen.pid)
    await asyncio.sleep(MEASURED_SECONDS)
    cpu = (cpu_seconds(worker.popen.pid) - before) / MEASURED_SECONDS
    growth = memory_mb(worker.popen.pid) / memory
    result = await deployment.result(300)
    attempts = await deployment.attempts()
    found = {"case": "pause", "at": applied_seconds, "cpu": cpu, "memory_mb": round(memory, 1)}
    found |= {"growth": round(growth, 3), "attempt": attempts[APPLY], "status": result.status}
    FIGURES.parent.mkdir(exist_ok=True)
    with FIGURES.open("a") as file:
        file.write(json.dumps(found) + "\n")
    assert (result.status, attempts[APPLY]) == (Status.COMPLETED, 1)
    assert not deployment.exit(APPLY)["signals"], "terraform was left alone"
    assert len(house.recorded(deployment)) == 12
    assert cpu < MOST_CPU
    assert growth < MOST_GROWTH
    await check_invariants(house, deployment)


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
