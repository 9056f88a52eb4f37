"""A run root whose logs are shipped to real stores, each behind proxies."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from adapters.firestore.client import Firestore, open_firestore
from adapters.firestore.log import FirestoreLogSink, FirestoreLogSource
from adapters.gcs.log import GcsLogSink, GcsLogSource
from adapters.gcs.objects import Objects, open_objects
from adapters.local.inotify import FileChanges
from adapters.redis.log import RedisLogSink, RedisLogSource, open_redis
from deployments.events import EndRecord
from deployments.log_ports import LogSink, LogSource
from deployments.log_verification import Verdict, verify
from deployments.step import StepKey
from tests.support import stores
from tests.support.grpc_proxy import GrpcProxy, grpc_proxy
from tests.support.http_proxy import HttpProxy, http_proxy
from tests.support.ids import deployment_id
from tests.support.logs import EventFileSink, chunk, sealed
from tests.support.servers import eventually
from tests.support.tcp_proxy import Mode, TcpProxy, tcp_proxy
from tests.support.verdicts import never
from worker.log_shipper import LogShipper
from worker.steps.log_cursor import StepLogFile

__all__ = ["Behind", "Harbour", "Servers", "behind", "harbour", "repair", "servers"]

# Lines of one write, as terraform's output comes.
_PIECE_LINES = 500


@dataclass(frozen=True)
class Servers:
    """The real ones. What the object store links to leads to `front`."""

    redis: stores.Store
    objects: stores.Store
    front: int
    firestore: stores.Store


@contextmanager
def servers(folder: Path, front: int) -> Iterator[Servers]:
    with (
        stores.redis() as redis,
        stores.object_store(folder, f"http://127.0.0.1:{front}") as objects,
        stores.firestore() as firestore,
    ):
        yield Servers(redis, objects, front, firestore)


@dataclass(frozen=True)
class Behind:
    """Addresses of the stores as their clients see them, and what stands in between."""

    lines: dict[str, TcpProxy]
    http: HttpProxy
    grpc: GrpcProxy


@asynccontextmanager
async def behind(found: Servers) -> AsyncIterator[Behind]:
    """Each store behind a line that can be cut, Google's also behind rules for calls."""
    for item in (found.redis, found.objects, found.firestore):
        await item.until_up()
    await stores.make_bucket(found.objects)
    async with AsyncExitStack() as open_:
        http = await open_.enter_async_context(http_proxy(f"http://{found.objects.host}"))
        grpc = await open_.enter_async_context(grpc_proxy(found.firestore.host))
        lines = {
            "redis": await open_.enter_async_context(tcp_proxy(found.redis.port)),
            "gcs": await open_.enter_async_context(tcp_proxy(http.port, found.front)),
            "firestore": await open_.enter_async_context(tcp_proxy(grpc.port)),
        }
        yield Behind(lines, http, grpc)


async def repair(found: Behind) -> None:
    """Whatever was done to a line or by a rule is over."""
    for line in found.lines.values():
        if line.mode is Mode.BLACK_HOLE:
            line.cut()
        line.mode, line.latency_seconds, line.rule = Mode.PASS, 0.0, never
        await line.up()
    found.http.rule = found.grpc.rule = never


@dataclass
class Harbour:
    """Steps of one deployment, shipped to three stores."""

    run_root: Path
    deployment: str
    stores: Behind
    sinks: dict[str, RedisLogSink | GcsLogSink | FirestoreLogSink]
    sources: dict[str, LogSource]
    objects: Objects
    documents: Firestore
    changes: FileChanges
    shipper: LogShipper
    seals: list[EndRecord] = field(default_factory=list)

    def folder(self, step: int) -> Path:
        return self.run_root / self.deployment / "steps" / str(step)

    def lines(self, step: int) -> bytes:
        return (self.folder(step) / "events.jsonl").read_bytes()

    async def write(self, step: int, lines: int) -> None:
        """As terraform's log is written: piece by piece, then the end record."""
        local = EventFileSink(self.run_root)
        for first in range(1, lines + 1, _PIECE_LINES):
            last = min(lines, first + _PIECE_LINES - 1)
            await local.write(self.deployment, chunk(step, first, last))
        seal, end = sealed(step, lines)
        await local.write(self.deployment, end)
        self.seals.append(seal)

    def begin(self, step: int) -> None:
        self.shipper.begin(StepKey(self.deployment, step))

    def is_sealed(self, step: int, sink: str) -> bool:
        path = self.folder(step) / "cursors" / f"{sink}.json"
        return path.exists() and b'"sealed": true' in path.read_bytes()

    async def until_sealed(self, step: int, sinks: Sequence[str], seconds: float = 60) -> None:
        def all_sealed() -> bool:
            return all(self.is_sealed(step, sink) for sink in sinks)

        await eventually(all_sealed, f"the seals of {sinks}", seconds)

    async def assert_equal(self) -> None:
        """Every store holds every line once."""
        for source in self.sources.values():
            found = await verify(source, self.deployment, self.seals)
            assert found.verdict is Verdict.EQUAL, f"I1: {found}"


@asynccontextmanager
async def harbour(
    found: Behind,
    run_root: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    limit_seconds: float = 1.0,
    give_up_seconds: float = 3600,
) -> AsyncIterator[Harbour]:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", found.lines["firestore"].host)
    redis = open_redis(f"redis://{found.lines['redis'].host}", limit_seconds)
    objects = open_objects(stores.BUCKET, f"http://{found.lines['gcs'].host}", None, limit_seconds)
    documents = open_firestore("a-test", limit_seconds)
    changes = FileChanges()
    sinks: dict[str, RedisLogSink | GcsLogSink | FirestoreLogSink] = {
        "redis": RedisLogSink(redis, 3600),
        "gcs": GcsLogSink(objects),
        "firestore": FirestoreLogSink(documents),
    }

    def open_shipment(key: StepKey) -> StepLogFile:
        folder = run_root / key.deployment / "steps" / str(key.step)
        return StepLogFile(folder, key, changes)

    listed: list[LogSink] = list(sinks.values())
    shipper = LogShipper(listed, open_shipment, give_up_seconds)
    sources: dict[str, LogSource] = {
        "redis": RedisLogSource(redis),
        "gcs": GcsLogSource(objects),
        "firestore": FirestoreLogSource(documents),
    }
    deployment = deployment_id(str(run_root))
    yield Harbour(run_root, deployment, found, sinks, sources, objects, documents, changes, shipper)
    await shipper.close(0)
    await redis.aclose()
    documents.client.close()  # type: ignore[no-untyped-call] # the library does not annotate it
    changes.close()
