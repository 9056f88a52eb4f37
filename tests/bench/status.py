"""GET of a deployment beside a bare FastAPI application that asks Temporal once."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE

from adapters.settings import base_environment
from tests.bench.figures import Figure, spread
from tests.bench.scene import Scene
from tests.bench.sizes import Size
from tests.support.servers import ROOT, Process, eventually, free_port

__all__ = ["status"]

_FACTOR = 1.2
# Enough to keep both cores busy; more only makes the queue longer.
_AT_ONCE = 8
_MOST_REPORT_BYTES = 1024 * 1024


async def status(scene: Scene, size: Size) -> list[Figure]:
    """One after the other for the latency, several at once for the rate; blocks take turns."""
    deployment = await scene.deploy(resources=1)
    await scene.completed(deployment)
    path = f"/api/deployment/{deployment.id}"
    port = free_port()
    bare = Process(
        [sys.executable, "-m", "tests.bench.bare_api", scene.house.address, str(port)],
        base_environment(),
        scene.house.data / "bare.log",
    )
    try:
        await eventually(lambda: _listens(port), "the bare application")
        return await _compare((scene.port, path), (port, path), size)
    finally:
        bare.end()


async def _compare(ours: tuple[int, str], bare: tuple[int, str], size: Size) -> list[Figure]:
    latencies: dict[tuple[int, str], list[float]] = {ours: [], bare: []}
    rates: dict[tuple[int, str], list[float]] = {ours: [], bare: []}
    for _ in range(size.rounds):
        for item in (ours, bare):
            found, _ = await _get(*item, size.requests, 1)
            latencies[item] += found
            _, seconds = await _get(*item, size.requests, _AT_ONCE)
            rates[item].append(size.requests / seconds)
    mine, base = spread(latencies[ours]), spread(latencies[bare])
    return [
        Figure(
            "GET of a deployment",
            "ms",
            mine,
            base,
            f"p99 <= {_FACTOR} x",
            mine.p99 <= _FACTOR * base.p99,
            f"bare FastAPI with one describe; p99 {mine.p99 / base.p99:.2f} x",
        ),
        Figure(
            f"GET of a deployment, {_AT_ONCE} at once",
            "1/s",
            spread(rates[ours]),
            spread(rates[bare]),
            note="bare FastAPI with one describe",
        ),
    ]


async def _get(port: int, path: str, requests: int, at_once: int) -> tuple[list[float], float]:
    """Latencies in milliseconds and the seconds of all, by a client process of its own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.getter"),
        *(str(port), path, str(requests), str(at_once)),
        cwd=ROOT,
        env=base_environment(),
        stdout=PIPE,
        limit=_MOST_REPORT_BYTES,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    report = json.loads(output)
    return report["milliseconds"], report["seconds"]


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
