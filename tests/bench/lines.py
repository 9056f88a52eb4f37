"""Many lines: how fast a spool becomes events, and what a burst costs terraform and the worker."""

import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from adapters.redaction import Redactor
from adapters.terraform.output.events import Translator
from deployments.phase import Phase
from deployments.step import StepKey
from tests.bench.figures import Figure, spread
from tests.bench.raw import RawRun
from tests.bench.scene import APPLY, Scene, moment
from tests.bench.sizes import Size
from tests.support.processes import PeakUsage
from tests.support.servers import eventually
from tests.support.service import Deployment
from tests.support.sinks import every_sink, open_stores
from worker.steps.event_log import SPOOL_FILE, EventLog

__all__ = ["bursts", "shipping", "translation"]

_LINES_A_SECOND = 250_000.0
_SLOWED = 1.05
_CATCH_UP_SECONDS = 5.0
_SINKS = {"redis": 5.0, "console": 15.0, "gcs": 15.0, "firestore": 15.0}
# So many lines of one real apply, again and again.
_REAL_LINES = 2_000
# The value of a sensitive variable: what the redactor looks for in every line.
_SECRETS = ("a-secret-of-the-customer",)


class _Line(msgspec.Struct):
    """What of terraform's line becomes part of an event."""

    text: str = msgspec.field(name="@message")
    time: str = msgspec.field(name="@timestamp")
    level: str = msgspec.field(name="@level")
    type: str = ""


async def translation(scene: Scene, size: Size) -> list[Figure]:
    """Spool to event file, in this process."""
    run = scene.raw(resources=1, lines=min(_REAL_LINES, size.spool_lines))
    await run.plan()
    await run.run(Phase.APPLY)
    real = run.spool.read_bytes()
    data = real * max(1, size.spool_lines // real.count(b"\n"))
    lines = data.count(b"\n")
    ours, bare = [], []
    for _ in range(size.rounds):
        ours.append(lines / await _written(data))
        bare.append(lines / _recoded(data))
    mine = spread(ours)
    return [
        Figure(
            "spool to event file",
            "lines/s",
            mine,
            spread(bare),
            f">= {_LINES_A_SECOND:,.0f}",
            mine.p50 >= _LINES_A_SECOND,
            f"bare msgspec decode and encode of the same {lines:,} lines of provisioners; "
            "ours with redaction, progress, hash and writing",
        )
    ]


async def _written(data: bytes) -> float:
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / SPOOL_FILE).write_bytes(data)
        key = StepKey("dep-bench", APPLY)
        translator = Translator(key.step, Phase.APPLY, "", Redactor(_SECRETS))
        log = EventLog(folder, key, translator, lambda: None)
        begin = time.perf_counter()
        await log.pump()
        seconds = time.perf_counter() - begin
        log.release()
    return seconds


def _recoded(data: bytes) -> float:
    decode, encode = msgspec.json.Decoder(_Line).decode, msgspec.json.Encoder().encode
    begin = time.perf_counter()
    for line in data.splitlines():
        encode(decode(line))
    return time.perf_counter() - begin


async def bursts(scene: Scene, size: Size) -> list[Figure]:
    """One resource that prints as fast as it can."""
    return [figure for burst in size.bursts for figure in await _bursts(scene, *burst)]


async def _bursts(scene: Scene, lines: int, pairs: int) -> list[Figure]:
    name = f"burst of {lines:,} lines"
    ours, raw, late, grown = [], [], [], []
    for _ in range(pairs):
        usage = PeakUsage(scene.worker.popen.pid)
        deployment = await scene.deploy(resources=1, lines=lines)
        await scene.completed(deployment)
        grown.append(usage.peak_mb - usage.memory_before_mb)
        seconds, behind = _apply(deployment, lines)
        ours.append(seconds)
        late.append(behind)
        raw.append(await _raw_apply(scene.raw(resources=1, lines=lines)))
    mine, base, behind_by = spread(ours), spread(raw), spread(late)
    return [
        Figure(
            f"{name}: terraform's apply",
            "s",
            mine,
            base,
            f"<= {_SLOWED} x",
            mine.p50 <= _SLOWED * base.p50,
            "raw terraform to a file; by the times terraform gives its lines",
        ),
        Figure(
            f"{name}: last line to sealed event file",
            "s",
            behind_by,
            None,
            f"<= {_CATCH_UP_SECONDS:.0f}",
            behind_by.high <= _CATCH_UP_SECONDS,
        ),
        Figure(f"{name}: growth of the worker's memory", "MB", spread(grown)),
    ]


async def shipping(scene: Scene, size: Size) -> list[Figure]:
    """The largest burst until the stores have its seal, beside the seal on the worker's disk."""
    lines = size.bursts[-1][0]
    async with open_stores(scene.house.data / "objects") as stores:
        await scene.change_worker(**every_sink(stores))
        deployment = await scene.deploy(resources=1, lines=lines)
        await scene.completed(deployment)
        _, local = _apply(deployment, lines)
        last = deployment.file(APPLY, "events.jsonl").stat().st_mtime - local
        found = [await _sealed(deployment, sink) - last for sink in _SINKS]
        await scene.change_worker(ANAVA_LOG__SINKS="local")
    return [
        Figure(
            f"burst of {lines:,} lines: last line to sealed in {sink}",
            "s",
            spread([seconds]),
            spread([local]),
            f"<= {goal:.0f}",
            seconds <= goal,
            "on the worker's disk; real stores on this machine, all at once",
        )
        for (sink, goal), seconds in zip(_SINKS.items(), found, strict=True)
    ]


async def _sealed(deployment: Deployment, sink: str) -> float:
    """When a sink had the seal of the apply."""
    path = deployment.file(APPLY, f"cursors/{sink}.json")

    def sealed() -> bool:
        return path.exists() and json.loads(path.read_text())["sealed"] is True

    await eventually(sealed, f"the seal in {sink}", 300)
    return path.stat().st_mtime


def _apply(deployment: Deployment, lines: int) -> tuple[float, float]:
    """How long terraform printed, and how much later the event file was sealed."""
    path = deployment.file(APPLY, "events.jsonl")
    first, last, printed = 0.0, 0.0, hashlib.sha256()
    for event in _events(path):
        if "end" in event:
            continue
        printed.update(_printed(event["text"]))
        last = moment(event["time"])
        first = first or last
    assert printed.digest() == _expected(lines), "the log is not what awk printed"
    return last - first, path.stat().st_mtime - last


def _printed(text: str) -> bytes:
    """What awk printed, without blanks.

    Where awk pauses for 100 ms inside a line, terraform makes two of it (its line reader; seen).
    """
    _, found, output = text.partition(" (local-exec): ")
    return "".join(output.split()).encode() if found and "Executing: " not in output else b""


def _expected(lines: int) -> bytes:
    expected = hashlib.sha256()
    for line in range(1, lines + 1):
        expected.update(b"line%dof%d:Stillcreating,asaprovidersaysit" % (line, lines))
    return expected.digest()


def _events(path: Path) -> Iterator[dict[str, str]]:
    with path.open("rb") as file:
        for line in file:
            yield json.loads(line)


async def _raw_apply(run: RawRun) -> float:
    await run.plan()
    await run.run(Phase.APPLY)
    with run.spool.open("rb") as file:
        first = json.loads(file.readline())
        file.seek(-4096, 2)
        last = json.loads(file.read().splitlines()[-1])
    run.spool.unlink()
    return moment(last["@timestamp"]) - moment(first["@timestamp"])
