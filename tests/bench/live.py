"""Terraform's write to the receipt by viewers of the stream, and what many of them cost.

The writes are real: a terraform of a real deployment dates every line itself when it prints it, and
that date travels to the viewer. The baseline is a bare fan-out of the same file by one process of
the same kind, with the same terraform and the same load client.
"""

import asyncio
import hashlib
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from adapters.settings import base_environment
from deployments.phase import Phase
from tests.bench.figures import Figure, Spread, spread
from tests.bench.scene import APPLY, Scene
from tests.bench.sizes import Size
from tests.bench.viewers import Order, Seen
from tests.support.processes import PeakUsage
from tests.support.servers import ROOT, eventually, free_port
from tests.support.service import Deployment

__all__ = ["crowd", "latency", "stalled"]

_LINES_A_SECOND = 1000
_CROWD_P99_MILLISECONDS = 500.0
_CROWD_MB = 300.0
# Bytes and a line of a report that holds numbers only.
_MOST_REPORT_BYTES = 1024 * 1024
# A live viewer beside stalled ones: the same, within what two runs on one machine differ.
_SAME = 1.5


@dataclass(frozen=True)
class Show:
    """What viewers saw, and what it cost the process that served them."""

    seen: Seen
    cores: float
    peak_mb: float


async def latency(scene: Scene, size: Size) -> list[Figure]:
    """A few viewers."""
    return [await _latency(scene, size, *viewer) for viewer in size.viewers]


async def _latency(scene: Scene, size: Size, viewers: int, goal: float) -> Figure:
    ours, bare = [], []
    for _ in range(min(size.rounds, 2)):
        ours.append(await _ours(scene, Order(scene.port, "-", viewers), size.live_seconds))
        bare.append(await _bare(scene, viewers, size.live_seconds))
    of_ours = _together([our.seen.latency for our in ours])
    return Figure(
        name=f"terraform's write to {viewers} viewers at 1,000 lines/s",
        unit="ms",
        ours=of_ours,
        baseline=_together([item.seen.latency for item in bare]),
        goal=f"p99 <= {goal:.0f}",
        reached=of_ours.p99 <= goal and not any(_faults(viewer.seen) for viewer in ours),
        note=f"bare fan-out of the spool; {_told(ours)}",
    )


async def crowd(scene: Scene, size: Size) -> list[Figure]:
    """A thousand viewers: nothing lost, and what they cost."""
    name = f"{size.crowd:,} viewers x 1,000 lines/s x {size.crowd_seconds:g} s"
    ours = await _ours(scene, Order(scene.port, "-", size.crowd), size.crowd_seconds)
    bare = await _bare(scene, size.crowd, min(size.crowd_seconds, 20))
    faults = _faults(ours.seen)
    return [
        Figure(
            f"{name}: latency",
            "ms",
            ours.seen.latency,
            bare.seen.latency,
            f"p99 <= {_CROWD_P99_MILLISECONDS:.0f}",
            ours.seen.latency.p99 <= _CROWD_P99_MILLISECONDS,
            "bare fan-out of the spool",
        ),
        Figure(
            f"{name}: lost or doubled lines",
            "lines",
            spread([faults]),
            spread([_faults(bare.seen)]),
            "0",
            not faults,
            _told([ours]),
        ),
        Figure(
            f"{name}: the API's CPU",
            "cores",
            spread([ours.cores]),
            spread([bare.cores]),
            "<= 1",
            ours.cores <= 1,
            "while lines came; the bare fan-out sends the same lines in terraform's own JSON",
        ),
        Figure(
            f"{name}: the API's memory",
            "MB",
            spread([ours.peak_mb]),
            spread([bare.peak_mb]),
            f"<= {_CROWD_MB:.0f}",
            ours.peak_mb <= _CROWD_MB,
            "peak of the resident set",
        ),
    ]


async def stalled(scene: Scene, size: Size) -> list[Figure]:
    """Viewers that stop reading cost the others nothing."""
    seconds = size.crowd_seconds / 4
    alone = await _ours(scene, Order(scene.port, "-", size.live), seconds)
    beside = await _ours(scene, Order(scene.port, "-", size.live, size.stalled), seconds)
    bound = _SAME * alone.seen.latency.p99
    return [
        Figure(
            f"{size.live} live viewers beside {size.stalled} stalled ones",
            "ms",
            beside.seen.latency,
            alone.seen.latency,
            f"p99 <= {_SAME:g} x",
            beside.seen.latency.p99 <= bound and not _faults(beside.seen),
            f"the same without the stalled ones; {_told([beside])}; "
            f"API {beside.peak_mb:.0f} MB, alone {alone.peak_mb:.0f} MB",
        )
    ]


async def _ours(scene: Scene, order: Order, seconds: float) -> Show:
    lines = round(_LINES_A_SECOND * seconds)
    deployment = await scene.deploy(lines=lines, resource_seconds=seconds, resources=1)
    path = f"/api/deployment/{deployment.id}/logs/stream"
    async with _load(Order(scene.port, path, order.viewers, order.stalled)) as load:
        await deployment.until_file(APPLY, "started.json")
        usage, clock = PeakUsage(scene.api.popen.pid), asyncio.get_running_loop().time
        begin = clock()
        _touch(deployment.folder / "go")
        await _said(load, b"ended\n")
        cores, peak = usage.cpu_seconds / (clock() - begin), usage.peak_mb
        show = Show(await _report(load), cores, peak)
    await scene.completed(deployment)
    _assert_whole(deployment, show.seen)
    return show


def _assert_whole(deployment: Deployment, seen: Seen) -> None:
    """The first viewer has seen every byte, and all have the same ids."""
    written = hashlib.sha256()
    for step, last in seen.last.items():
        events = deployment.events(int(step))
        assert last == len(events), f"{last} of {len(events)} ids of step {step}"
        for event in events[:-1]:
            written.update(f"{event['id']} {event['time']} {event['text']}\n".encode())
    assert seen.shown == written.hexdigest(), "the texts are not those of the event file"


async def _bare(scene: Scene, viewers: int, seconds: float) -> Show:
    lines, port = round(_LINES_A_SECOND * seconds), free_port()
    raw = scene.raw(lines=lines, resource_seconds=seconds, resources=1)
    await raw.plan()
    _touch(raw.spool)
    fanout = await _python("tests.bench.bare_fanout", str(raw.spool), str(port), str(viewers))
    try:
        await eventually(lambda: _listens(port), "the bare fan-out")
        async with _load(Order(port, "", viewers)) as load:
            apply = await raw.start(Phase.APPLY)
            usage = PeakUsage(fanout.pid)
            _touch(raw.folder / "go")
            await apply.wait()
            cores, peak = usage.cpu_seconds / seconds, usage.peak_mb
            fanout.terminate()
            await _said(load, b"ended\n")
            seen = await _report(load)
    finally:
        if fanout.returncode is None:
            fanout.kill()
        await fanout.wait()
    return Show(seen, cores, peak)


def _touch(path: Path) -> None:
    path.touch()


async def _report(load: Process) -> Seen:
    assert load.stdout is not None
    content = json.loads(await load.stdout.readline())
    return Seen(**{**content, "latency": Spread(**content["latency"])})


async def _said(load: Process, word: bytes) -> None:
    assert load.stdout is not None
    assert await load.stdout.readline() == word


@asynccontextmanager
async def _load(order: Order) -> AsyncIterator[Process]:
    """The load client, all of whose viewers are connected."""
    load = await _python("tests.bench.viewers", json.dumps(asdict(order)))
    try:
        await _said(load, b"ready\n")
        yield load
    finally:
        if load.returncode is None:
            load.kill()
        await load.wait()


async def _python(module: str, *arguments: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        cwd=ROOT,
        env=base_environment(),
        stdout=PIPE,
        limit=_MOST_REPORT_BYTES,
    )


def _listens(port: int) -> bool:
    """Whether somebody does, without being counted as a viewer."""
    wanted = f"0100007F:{port:04X}"
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return any(row[1] == wanted and row[3] == "0A" for row in rows)


def _together(spreads: list[Spread]) -> Spread:
    """Of rounds: the medians of their quantiles, and the outermost samples."""

    def middle(values: list[float]) -> float:
        return spread(values).p50

    return Spread(
        count=sum(item.count for item in spreads),
        p50=middle([spread.p50 for spread in spreads]),
        p95=middle([spread.p95 for spread in spreads]),
        p99=middle([spread.p99 for spread in spreads]),
        low=min(spread.low for spread in spreads),
        high=max(spread.high for spread in spreads),
    )


def _faults(seen: Seen) -> int:
    return seen.lost + seen.doubled + seen.unequal


def _told(shows: list[Show]) -> str:
    lost = sum(show.seen.lost for show in shows)
    doubled = sum(item.seen.doubled for item in shows)
    lines = sum(entry.seen.lines * entry.seen.viewers for entry in shows)
    received = sum(element.seen.received_mb for element in shows)
    return f"{lines:,} lines, {received:,.0f} MB, {lost} lost, {doubled} doubled"
