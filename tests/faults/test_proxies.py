"""The proxies do what they are asked for, in front of real servers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from google.api_core.exceptions import (
    AlreadyExists,
    DeadlineExceeded,
    ResourceExhausted,
    ServiceUnavailable,
)
from google.cloud import firestore
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from tests.support import stores
from tests.support.grpc_proxy import grpc_proxy
from tests.support.http_proxy import HttpProxy, http_proxy
from tests.support.tcp_proxy import Mode, TcpProxy, tcp_proxy
from tests.support.verdicts import Verdict, always, never, seeded

# Long beside a call on this machine, short beside a person's patience.
_PATIENCE_SECONDS = 1.0


@asynccontextmanager
async def redis_behind(proxy: TcpProxy) -> AsyncIterator[Redis]:
    client = Redis.from_url(
        f"redis://{proxy.host}", socket_timeout=_PATIENCE_SECONDS, retry=Retry(NoBackoff(), 0)
    )
    try:
        yield client
    finally:
        await client.aclose()


async def test_it_passes_everything_until_asked_otherwise(redis_server: stores.Store) -> None:
    await redis_server.until_up()
    async with tcp_proxy(redis_server.port) as proxy, redis_behind(proxy) as client:
        big = b"x" * 3_000_000
        await client.set("big", big)
        assert await client.get("big") == big
        assert proxy.accepted == 1


async def test_a_server_that_is_down_refuses_and_comes_back_on_its_port(
    redis_server: stores.Store,
) -> None:
    await redis_server.until_up()
    async with tcp_proxy(redis_server.port) as proxy, redis_behind(proxy) as client:
        await client.ping()
        port = proxy.port
        await proxy.down()
        for _ in range(2):
            with pytest.raises(RedisConnectionError):
                await client.ping()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        await proxy.up()
        assert proxy.port == port
        assert await client.ping() is True


async def test_a_reset_connection_ends_at_once(redis_server: stores.Store) -> None:
    await redis_server.until_up()
    async with tcp_proxy(redis_server.port) as proxy:
        proxy.mode = Mode.RESET
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.readexactly(1), _PATIENCE_SECONDS)
        writer.close()


async def test_a_black_hole_accepts_and_never_answers_even_when_it_is_one_no_more(
    redis_server: stores.Store,
) -> None:
    await redis_server.until_up()
    async with tcp_proxy(redis_server.port) as proxy:
        proxy.mode = Mode.BLACK_HOLE
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"PING\r\n")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.3)
        proxy.mode = Mode.PASS
        writer.write(b"PING\r\n")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.3)
        writer.close()
        async with redis_behind(proxy) as client:
            assert await client.ping() is True


async def test_latency_delays_each_call_and_bandwidth_each_byte(redis_server: stores.Store) -> None:
    await redis_server.until_up()
    clock = asyncio.get_running_loop().time
    async with tcp_proxy(redis_server.port) as proxy, redis_behind(proxy) as client:
        await client.set("big", b"x" * 50_000)
        proxy.latency_seconds = 0.2
        begun = clock()
        await client.ping()
        assert clock() - begun >= 0.2
        proxy.latency_seconds, proxy.bytes_per_second = 0.0, 100_000
        begun = clock()
        assert len(await client.get("big") or b"") == 50_000
        assert clock() - begun >= 0.4


async def test_what_is_swallowed_was_carried_out_though_the_caller_saw_a_timeout(
    redis_server: stores.Store,
) -> None:
    await redis_server.until_up()
    async with tcp_proxy(redis_server.port) as proxy, redis_behind(proxy) as client:
        await client.set("counted", 0)
        proxy.rule = always(Verdict.SWALLOW)
        with pytest.raises(RedisTimeoutError):
            await client.incr("counted")
        proxy.rule = never
        assert await client.get("counted") == b"1"


def test_a_seed_gives_the_same_fates_again() -> None:
    one, same, other = (
        [rule("x") for _ in range(500)]
        for rule in (seeded(seed, 0.1, Verdict.SWALLOW) for seed in (7, 7, 8))
    )
    assert one == same
    assert one != other
    assert 25 < one.count(Verdict.SWALLOW) < 75


@asynccontextmanager
async def objects_behind(
    server: stores.Store,
) -> AsyncIterator[tuple[HttpProxy, httpx.AsyncClient]]:
    await server.until_up()
    await stores.make_bucket(server)
    async with (
        http_proxy(f"http://{server.host}") as proxy,
        httpx.AsyncClient(base_url=proxy.url, timeout=_PATIENCE_SECONDS, trust_env=False) as client,
    ):
        yield proxy, client


def upload(name: str) -> str:
    return f"/upload/storage/v1/b/{stores.BUCKET}/o?uploadType=media&name={name}"


def found(name: str) -> str:
    return f"/storage/v1/b/{stores.BUCKET}/o/{name}"


async def test_http_passes_bodies_and_statuses(object_server: stores.Store) -> None:
    async with objects_behind(object_server) as (proxy, client):
        body = b"\x00\xff" * 100_000
        assert (await client.post(upload("passed"), content=body)).status_code == 200
        assert (await client.get(found("passed") + "?alt=media")).content == body
        assert (await client.get(found("missing"))).status_code == 404
        assert proxy.calls[0][0].startswith("POST /upload/storage/v1/b/")


async def test_http_refuses_by_rule_and_does_not_ask_the_server(
    object_server: stores.Store,
) -> None:
    async with objects_behind(object_server) as (proxy, client):
        proxy.rule = lambda call: Verdict.UNAVAILABLE if call.startswith("POST") else Verdict.PASS
        assert (await client.post(upload("refused"), content=b"x")).status_code == 503
        assert (await client.get(found("refused"))).status_code == 404
        proxy.rule = always(Verdict.EXHAUSTED)
        assert (await client.get(found("refused"))).status_code == 429


async def test_http_swallows_the_answer_of_what_was_carried_out(
    object_server: stores.Store,
) -> None:
    async with objects_behind(object_server) as (proxy, client):
        proxy.rule = always(Verdict.SWALLOW)
        with pytest.raises(httpx.ReadTimeout):
            await client.post(upload("swallowed"), content=b"x")
        proxy.rule = never
        assert (await client.get(found("swallowed"))).status_code == 200


async def test_grpc_passes_refuses_and_swallows(
    firestore_server: stores.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await firestore_server.until_up()
    async with grpc_proxy(firestore_server.host) as proxy:
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", proxy.host)
        client = firestore.AsyncClient(project="a-test")
        document = client.collection("proxied").document("one")
        await document.set({"big": b"x" * 900_000}, retry=None, timeout=30)
        assert (await document.get(retry=None, timeout=30)).get("big") == b"x" * 900_000
        names = [
            item.id async for item in client.collection("proxied").stream(retry=None, timeout=30)
        ]
        assert names == ["one"]
        with pytest.raises(AlreadyExists):
            await document.create({"big": b""}, retry=None, timeout=30)
        for verdict, error in (
            (Verdict.UNAVAILABLE, ServiceUnavailable),
            (Verdict.EXHAUSTED, ResourceExhausted),
        ):
            proxy.rule = always(verdict)
            with pytest.raises(error):
                await document.set({"refused": True}, retry=None, timeout=30)
        proxy.rule = always(Verdict.SWALLOW)
        with pytest.raises(DeadlineExceeded):
            await document.set({"swallowed": True}, retry=None, timeout=_PATIENCE_SECONDS)
        proxy.rule = never
        assert (await document.get(retry=None, timeout=30)).to_dict() == {"swallowed": True}
        client.close()  # type: ignore[no-untyped-call] # the library does not annotate it
