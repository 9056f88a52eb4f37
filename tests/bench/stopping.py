"""A cancel until terraform has its interrupt, and a killed worker until another goes on."""

import asyncio
import signal
import sys
import time
from pathlib import Path

from adapters.local import atomic_files
from adapters.settings import base_environment
from deployments.phase import Phase
from tests.bench.figures import Figure, spread
from tests.bench.raw import RawRun
from tests.bench.scene import APPLY, Scene, moment, until_line
from tests.bench.sizes import Size
from tests.support.servers import ROOT, eventually
from tests.support.service import Deployment

__all__ = ["cancel", "reattachment"]

_CANCEL_MILLISECONDS = 100.0
_REATTACH_SECONDS = 5.0
# What terraform prints when it has the signal; it dates the line itself.
_INTERRUPTED = b"Interrupt received"
_RUNS = b'"type":"apply_start"'
# Longer than any of this takes.
_APPLY_SECONDS = 60.0


async def cancel(scene: Scene, size: Size) -> list[Figure]:
    """From the POST to terraform's own words that it was interrupted."""
    ours, raw = [], []
    for _ in range(size.many):
        ours.append(1000 * await _cancelled(scene))
        raw.append(1000 * await _killed(scene.raw(resources=1, resource_seconds=_APPLY_SECONDS)))
    mine = spread(ours)
    return [
        Figure(
            "cancel by the API to terraform's SIGINT",
            "ms",
            mine,
            spread(raw),
            f"p99 <= {_CANCEL_MILLISECONDS:.0f}",
            mine.p99 <= _CANCEL_MILLISECONDS,
            "raw os.kill; both until terraform's own line that says it was interrupted",
        )
    ]


async def _cancelled(scene: Scene) -> float:
    deployment = await scene.deploy(resources=1, resource_seconds=_APPLY_SECONDS)
    spool = deployment.file(APPLY, "spool")
    await until_line(spool, _RUNS)
    begin = time.time()
    path = f"/api/deployment/{deployment.id}/cancel"
    cancelling = asyncio.create_task(scene.session.post(path, json={"reason": "bench"}))
    line = await until_line(spool, _INTERRUPTED)
    assert (await cancelling).status_code == 202
    result = await deployment.result()
    assert result.status == "cancelled", result
    return moment(line["@timestamp"]) - begin


async def _killed(run: RawRun) -> float:
    await run.plan()
    process = await run.start(Phase.APPLY)
    await until_line(run.spool, _RUNS)
    begin = time.time()
    process.send_signal(signal.SIGINT)
    line = await until_line(run.spool, _INTERRUPTED)
    await process.wait()
    return moment(line["@timestamp"]) - begin


async def reattachment(scene: Scene, size: Size) -> list[Figure]:
    """From the kill to the sibling's claim, and from a worker's start to its claim."""
    by_sibling, freed, by_next, bare = [], [], [], []
    for _ in range(size.rounds):
        seconds, free = await _reattached_by_sibling(scene)
        by_sibling.append(seconds)
        freed.append(free)
        by_next.append(await _reattached_by_next(scene))
        bare.append(await _bare_worker(scene))
    sibling, following = spread(by_sibling), spread(by_next)
    goal = f"<= {_REATTACH_SECONDS:.0f}, attempt 1"
    return [
        Figure(
            "worker killed to re-attached by a sibling",
            "s",
            sibling,
            spread(freed),
            goal,
            sibling.high <= _REATTACH_SECONDS,
            "the kernel's freeing of the dead worker's lock; siblings look every 2 s",
        ),
        Figure(
            "start of the next worker to re-attached",
            "s",
            following,
            spread(bare),
            goal,
            following.high <= _REATTACH_SECONDS,
            "a bare Python that imports the SDK and has Temporal's first answer",
        ),
    ]


async def _under_way(scene: Scene) -> Deployment:
    deployment = await scene.deploy(resources=1, resource_seconds=4)
    await until_line(deployment.file(APPLY, "spool"), _RUNS)
    return deployment


async def _reattached_by_sibling(scene: Scene) -> tuple[float, float]:
    deployment = await _under_way(scene)
    lock = _lock_of(scene)
    # The sibling comes when the deployment is claimed, so that it is surely the first's.
    sibling = await scene.next_worker()
    begin = time.monotonic()
    scene.worker.kill()
    await eventually(lambda: not atomic_files.is_locked(lock), "the freed lock")
    free = time.monotonic() - begin
    await deployment.until_file(APPLY, "claim.2.json")
    seconds = time.monotonic() - begin
    scene.worker = sibling
    await scene.completed(deployment)
    return seconds, free


def _lock_of(scene: Scene) -> Path:
    (lock,) = (
        path
        for path in (scene.house.data / "runs" / "workers").glob("*.lock")
        if atomic_files.is_locked(path)
    )
    return lock


async def _reattached_by_next(scene: Scene) -> float:
    deployment = await _under_way(scene)
    scene.worker.kill()
    begin = time.monotonic()
    starting = asyncio.create_task(scene.next_worker())
    await deployment.until_file(APPLY, "claim.2.json")
    seconds = time.monotonic() - begin
    scene.worker = await starting
    await scene.completed(deployment)
    return seconds


_BARE_WORKER = """
import asyncio, sys
from temporalio.client import Client
from temporalio.worker import Worker
async def main():
    client = await Client.connect(sys.argv[1])
    await client.count_workflows()
asyncio.run(main())
import os; os._exit(0)
"""


async def _bare_worker(scene: Scene) -> float:
    begin = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _BARE_WORKER, scene.house.address), cwd=ROOT, env=base_environment()
    )
    assert await process.wait() == 0
    return time.monotonic() - begin
