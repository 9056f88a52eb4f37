"""A whole deployment beside `terraform init`, `plan` and `apply` of the same files by hand."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from deployments.phase import Phase
from tests.bench.figures import Figure, spread
from tests.bench.raw import RawRun
from tests.bench.scene import Scene, moment
from tests.bench.sizes import Size
from tests.support.evidence import Step
from tests.support.invariants import check_log
from tests.support.service import Deployment

__all__ = ["first_line", "together", "wall_time"]

_FACTOR, _EXTRA_MILLISECONDS = 1.03, 150.0
_FIRST_LINE_MILLISECONDS = 300.0
_TOGETHER_FACTOR = 1.3
_RESOURCES = 10


async def wall_time(scene: Scene, size: Size) -> list[Figure]:
    """From the request to the end of the workflow, one deployment at a time."""
    return [
        await _wall(scene, "10 resources x 1 s", size.rounds, resources=10, resource_seconds=1),
        await _wall(scene, "one trivial resource", size.many, resources=1, resource_seconds=0),
    ]


async def _wall(scene: Scene, name: str, pairs: int, **variables: float) -> Figure:
    ours, raw = [], []
    for _ in range(pairs):
        ours.append(1000 * await _timed(lambda: _deploy(scene, variables)))
        raw.append(1000 * await scene.raw(**variables).seconds())
    mine, base = spread(ours), spread(raw)
    return Figure(
        f"deployment, {name}",
        "ms",
        mine,
        base,
        f"<= {_FACTOR} x + {_EXTRA_MILLISECONDS:.0f}",
        mine.p50 <= _FACTOR * base.p50 + _EXTRA_MILLISECONDS,
        f"raw terraform init, plan, apply; + {mine.p50 - base.p50:.0f} ms in the median",
    )


async def _deploy(scene: Scene, variables: dict[str, float]) -> None:
    await scene.completed(await scene.deploy(**variables))


async def together(scene: Scene, size: Size) -> list[Figure]:
    """Many at once, each truthful."""
    return [
        await _together(scene, min(size.rounds, 2), number, seconds)
        for number, seconds in size.together
    ]


async def _together(scene: Scene, pairs: int, number: int, seconds: float) -> Figure:
    variables = {"resources": _RESOURCES, "resource_seconds": seconds}
    ours, raw = [], []
    for _ in range(pairs):
        ours.append(await _timed(lambda: _deploy_many(scene, number, variables)))
        runs = [scene.raw(**variables) for _ in range(number)]
        raw.append(await _timed(lambda runs=runs: asyncio.gather(*(_apart(run) for run in runs))))  # type: ignore[misc]
    mine, base = spread(ours), spread(raw)
    return Figure(
        f"{number} deployments at once, {_RESOURCES} resources x {seconds:g} s",
        "s",
        mine,
        base,
        f"<= {_TOGETHER_FACTOR} x",
        mine.p50 <= _TOGETHER_FACTOR * base.p50,
        "as many raw terraforms at once; all ended completed, one attempt a step, logs whole",
    )


async def _deploy_many(scene: Scene, number: int, variables: dict[str, float]) -> None:
    found = await asyncio.gather(*(scene.deploy(**variables) for _ in range(number)))
    await asyncio.gather(*(scene.completed(entry) for entry in found))
    for item in found:
        _assert_truthful(item)


def _assert_truthful(deployment: Deployment) -> None:
    for step in (1, 2, 3):
        check_log(Step(step, deployment.file(step, "")), None)
    messages = [event["text"] for event in deployment.events(3) if "text" in event]
    made = [message for message in messages if "Creation complete" in message]
    assert len(made) == _RESOURCES, f"{len(made)} of {deployment.id} are complete"


async def _apart(run: RawRun) -> None:
    await run.seconds()


async def _timed(work: Callable[[], Awaitable[object]]) -> float:
    begin = time.monotonic()
    await work()
    return time.monotonic() - begin


async def first_line(scene: Scene, size: Size) -> list[Figure]:
    """From the request to the first line of terraform's that a viewer is given."""
    ours, raw = [], []
    for _ in range(size.many):
        begin = time.monotonic()
        id = await scene.post(resources=1)
        async with scene.session.stream("GET", f"/api/deployment/{id}/logs/stream") as answer:
            async for line in answer.aiter_lines():
                if line == "event: log":
                    break
            ours.append(1000 * (time.monotonic() - begin))
        handle = scene.house.client.get_workflow_handle(id)
        await scene.completed(Deployment(id, handle, scene.house.data / "runs" / id, ""))
        raw.append(1000 * await _raw_first_line(scene.raw(resources=1)))
    mine = spread(ours)
    return [
        Figure(
            "create to the first line of the log",
            "ms",
            mine,
            spread(raw),
            f"p95 <= {_FIRST_LINE_MILLISECONDS:.0f}",
            mine.p95 <= _FIRST_LINE_MILLISECONDS,
            f"raw terraform init to its first line; p95 {mine.p95:.0f} ms",
        )
    ]


async def _raw_first_line(run: RawRun) -> float:
    begin = time.time()
    process = await run.start(Phase.INIT)
    await process.wait()
    # Terraform dates its line itself; the file says no more.
    first = _first_time(run.folder / Phase.INIT)
    return first - begin


def _first_time(path: Path) -> float:
    for line in path.read_bytes().splitlines():
        if line.startswith(b"{"):
            return moment(json.loads(line)["@timestamp"])
    raise LookupError(path)
