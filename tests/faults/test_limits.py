"""Every call to Google gives up in its limit and is not tried again behind our back."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.cloud import storage
from google.oauth2 import service_account

from adapters.firestore.client import open_firestore
from adapters.firestore.log import FirestoreLogSink, FirestoreLogSource
from adapters.gcs.artifacts import GcsArtifactStore
from adapters.gcs.log import GcsLogSink, GcsLogSource
from adapters.gcs.objects import Objects, open_objects
from adapters.gcs.signing import LinkSigner
from deployments.errors import NotFound, Unavailable
from deployments.log_ports import LogSink, LogSource
from tests.faults.fronted import Fronted
from tests.support import stores
from tests.support.grpc_proxy import GrpcProxy, grpc_proxy
from tests.support.http_proxy import HttpProxy, http_proxy
from tests.support.logs import START, chunk, sealed
from tests.support.servers import eventually
from tests.support.tcp_proxy import Mode, tcp_proxy
from tests.support.verdicts import Verdict, never, nth

LIMIT_SECONDS = 0.5
# Google's own retries go on for a minute and more; a busy machine takes some seconds.
GIVEN_UP_SECONDS = 15.0

Proxy = HttpProxy | GrpcProxy


async def write(sink: LogSink, _: LogSource, deployment: str) -> None:
    await sink.write(deployment, chunk(1, 1, 2))


async def seal(sink: LogSink, _: LogSource, deployment: str) -> None:
    await sink.seal(deployment, sealed(1, 3)[0])


async def read(_: LogSink, source: LogSource, deployment: str) -> None:
    await source.read(deployment, START, 1_000_000)


async def follow(_: LogSink, source: LogSource, deployment: str) -> None:
    async for _chunks in source.follow(deployment, START):
        return


async def nothing(_: LogSink, __: LogSource, ___: str) -> None:
    return


async def fill(sink: LogSink, _: LogSource, deployment: str) -> None:
    for line in (1, 2, 3):
        await sink.write(deployment, chunk(1, line, line))
    await sink.write(deployment, sealed(1, 3)[1])


async def fill_whole(sink: LogSink, source: LogSource, deployment: str) -> None:
    await fill(sink, source, deployment)
    await seal(sink, source, deployment)


Step = Callable[[str], Awaitable[None]]
Work = Callable[[LogSink, LogSource, str], Awaitable[None]]
# What is done, on what.
WORKS: list[tuple[Work, Work]] = [
    (nothing, write),
    (fill, seal),
    (fill, read),
    (fill_whole, read),
    (fill, follow),
]


@asynccontextmanager
async def cloud_storage(fronted: Fronted) -> AsyncIterator[tuple[Proxy, LogSink, LogSource]]:
    await fronted.server.until_up()
    await stores.make_bucket(fronted.server)
    async with http_proxy(f"http://{fronted.server.host}", fronted.port) as proxy:
        objects = open_objects(stores.BUCKET, proxy.url, None, LIMIT_SECONDS)
        yield proxy, GcsLogSink(objects), GcsLogSource(objects)


@asynccontextmanager
async def firestore(
    server: stores.Store, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Proxy, LogSink, LogSource]]:
    await server.until_up()
    async with grpc_proxy(server.host) as proxy:
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", proxy.host)
        store = open_firestore("a-test", LIMIT_SECONDS)
        yield proxy, FirestoreLogSink(store), FirestoreLogSource(store)
        store.client.close()  # type: ignore[no-untyped-call] # the library does not annotate it


async def each_call_gives_up(proxy: Proxy, prepare: Step, work: Step) -> int:
    """Swallow the first answer, then the second, and so on; how many calls there are."""
    number = 1
    while True:
        deployment = f"dep-{uuid.uuid4().hex}"
        proxy.rule = never
        await until_done(prepare, deployment)
        proxy.calls.clear()
        proxy.rule = nth(number, Verdict.SWALLOW)
        try:
            async with asyncio.timeout(GIVEN_UP_SECONDS):
                await work(deployment)
        except Unavailable:
            if len(proxy.calls) < number:
                continue  # A machine that is busy took longer than the limit for a real answer.
            assert len(proxy.calls) == number, "it was asked again, behind our back"
            number += 1
            continue
        assert len(proxy.calls) == number - 1
        return number - 1


async def until_done(step: Step, deployment: str) -> None:
    """A server that has just begun is slower than the limit."""

    async def done() -> bool:
        try:
            await step(deployment)
        except Unavailable:
            return False
        return True

    await eventually(done, "an answer in the limit")


@pytest.mark.parametrize(
    "works", WORKS, ids=lambda works: "_".join(entry.__name__ for entry in works)
)
async def test_each_call_to_cloud_storage_gives_up_in_its_limit(
    fronted: Fronted, works: tuple[Work, Work]
) -> None:
    async with cloud_storage(fronted) as (proxy, sink, source):
        prepare, work = (partial(item, sink, source) for item in works)
        assert await each_call_gives_up(proxy, prepare, work) >= 3


@pytest.mark.parametrize(
    "works", WORKS, ids=lambda works: "_".join(entry.__name__ for entry in works)
)
async def test_each_call_to_firestore_gives_up_in_its_limit(
    firestore_server: stores.Store, monkeypatch: pytest.MonkeyPatch, works: tuple[Work, Work]
) -> None:
    async with firestore(firestore_server, monkeypatch) as (proxy, sink, source):
        prepare, work = (partial(item, sink, source) for item in works)
        assert await each_call_gives_up(proxy, prepare, work) >= 2


async def keep(store: GcsArtifactStore, deployment: str) -> None:
    # Larger than what goes up in one call.
    await store.put(deployment, "log.jsonl.gz", [b"x" * 9_000_000])


async def prepare_one(store: GcsArtifactStore, deployment: str) -> None:
    await store.put(deployment, "log.txt", [b"x"])


async def load(store: GcsArtifactStore, deployment: str) -> None:
    content = await store.open(deployment, "log.txt")
    assert [chunk async for chunk in content.chunks] == [b"x"]


async def listed(store: GcsArtifactStore, deployment: str) -> None:
    assert [entry.name for entry in await store.entries(deployment)] == ["log.txt"]


async def missing(store: GcsArtifactStore, deployment: str) -> None:
    with pytest.raises(NotFound):
        await store.link(deployment, "plan.txt")


@pytest.mark.parametrize(("work", "calls"), [(keep, 3), (load, 2), (listed, 1), (missing, 1)])
async def test_each_call_for_artifacts_gives_up_in_its_limit(
    fronted: Fronted, work: Callable[[GcsArtifactStore, str], Awaitable[None]], calls: int
) -> None:
    await fronted.server.until_up()
    await stores.make_bucket(fronted.server)
    async with http_proxy(f"http://{fronted.server.host}", fronted.port) as proxy:
        objects = open_objects(stores.BUCKET, proxy.url, None, LIMIT_SECONDS)
        store = GcsArtifactStore(objects, LinkSigner())
        found = await each_call_gives_up(proxy, partial(prepare_one, store), partial(work, store))
        assert found == calls


async def gives_up(sink: LogSink, source: LogSource) -> None:
    for work in (write, seal, read, follow):
        with pytest.raises(Unavailable):
            async with asyncio.timeout(GIVEN_UP_SECONDS):
                await work(sink, source, "dep-nowhere")


@pytest.mark.parametrize("mode", [Mode.BLACK_HOLE, Mode.RESET, None])
async def test_cloud_storage_as_a_black_hole_reset_or_down_is_unavailable_in_the_limit(
    object_server: stores.Store, mode: Mode | None
) -> None:
    await object_server.until_up()
    async with tcp_proxy(object_server.port) as proxy:
        objects = open_objects(stores.BUCKET, f"http://{proxy.host}", None, LIMIT_SECONDS)
        if mode is None:
            await proxy.down()
        else:
            proxy.mode = mode
        await gives_up(GcsLogSink(objects), GcsLogSource(objects))


@pytest.mark.parametrize("mode", [Mode.BLACK_HOLE, Mode.RESET, None])
async def test_firestore_as_a_black_hole_reset_or_down_is_unavailable_in_the_limit(
    firestore_server: stores.Store, monkeypatch: pytest.MonkeyPatch, mode: Mode | None
) -> None:
    await firestore_server.until_up()
    async with tcp_proxy(firestore_server.port) as proxy:
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", proxy.host)
        store = open_firestore("a-test", LIMIT_SECONDS)
        if mode is None:
            await proxy.down()
        else:
            proxy.mode = mode
        await gives_up(FirestoreLogSink(store), FirestoreLogSource(store))
        store.client.close()  # type: ignore[no-untyped-call] # the library does not annotate it


async def test_the_fetch_of_a_token_gives_up_in_the_limit_too(
    redis_server: stores.Store, tmp_path: Path
) -> None:
    """Any server will do: nobody ever hears it."""
    await redis_server.until_up()
    async with tcp_proxy(redis_server.port) as proxy:
        proxy.mode = Mode.BLACK_HOLE
        key = tmp_path / "key.json"
        key.write_text(json.dumps(key_file(f"http://{proxy.host}/token")))
        credentials = service_account.Credentials.from_service_account_file(  # type: ignore[no-untyped-call] # not annotated
            key, scopes=["https://www.googleapis.com/auth/devstorage.read_write"]
        )
        client = storage.Client(project="a-test", credentials=credentials)
        objects = Objects(client, stores.BUCKET, seconds=LIMIT_SECONDS)
        await gives_up(GcsLogSink(objects), GcsLogSource(objects))
        assert proxy.accepted == 4, "one fetch a call, none tried again"


def key_file(token_uri: str) -> dict[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return {
        "type": "service_account",
        "project_id": "a-test",
        "client_email": "a-test@a-test.iam.gserviceaccount.com",
        "private_key_id": "1",
        "private_key": pem.decode(),
        "token_uri": token_uri,
    }
