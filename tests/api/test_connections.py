"""Clients that do not finish their requests, or open too many connections, harm themselves."""

import asyncio
import json
import statistics
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import httpx
import pytest
from temporalio.client import Client as TemporalClient

from api.app import build
from api.connections import ConnectionLimits, Connections
from api.dependencies import Services
from api.server import Server
from tests.api import rude
from tests.api.scripted import deploy, events, finish, log_ids, write
from tests.api.serving import serving
from tests.support.servers import eventually

HALF = 1_100
SECONDS = 1.0


def limited(services: Services, limits: ConnectionLimits) -> AbstractAsyncContextManager[Server]:
    return serving(Server(build(services), "127.0.0.1", 0, services.stopping, limits=limits))


@asynccontextmanager
async def session(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    url = f"http://127.0.0.1:{server.port}"
    async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as client:
        yield client


def head(
    server: Server, method: str = "POST", path: str = "/api/deploy", length: int = 100
) -> bytes:
    return (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


async def connected(join: rude.Join) -> rude.Client:
    client = join()
    await client.get("")
    return client


async def drip(client: rude.Client, data: bytes) -> bytes:
    """Send a byte at a time until the server closes the connection; returns the answer."""

    async def send() -> None:
        for byte in data:
            await client.send(bytes([byte]))
            await asyncio.sleep(0.1)

    sending = asyncio.create_task(send())
    answer = await asyncio.wait_for(client.read_all(), 20)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    return answer


def problem(answer: bytes) -> tuple[bytes, str]:
    """Status line and code of a problem document."""
    top, _, body = answer.partition(b"\r\n\r\n")
    return top.partition(b"\r\n")[0], json.loads(body)["code"]


async def medians(session: httpx.AsyncClient) -> tuple[float, float]:
    """The median times of a health check and of a create."""
    clock = asyncio.get_running_loop().time
    health, create = [], []
    for _ in range(9):
        began = clock()
        assert (await session.get("/health/live")).status_code == 200
        health.append(clock() - began)
        began = clock()
        assert await deploy(session)
        create.append(clock() - began)
    return statistics.median(health), statistics.median(create)


async def test_half_sent_posts_do_not_make_the_api_deaf(
    services: Services, client: TemporalClient
) -> None:
    limits = ConnectionLimits(request_seconds=60)
    async with limited(services, limits) as server, session(server) as good:
        idle = await medians(good)
        with rude.crowd(server.port) as join:
            for _ in range(HALF):
                await (await connected(join)).send(head(server) + b'{"template"')
            await eventually(
                lambda: len(server.server_state.connections) <= limits.unfinished + 16,
                "the end of the oldest",
            )
            # A connection for each client that comes now.
            async with session(server) as late:
                crowded = await medians(late)
    # Generous: the machine has other work. Without the limit there is no answer at all.
    assert crowded[0] < 10 * idle[0] + 0.1
    assert crowded[1] < 10 * idle[1] + 0.1


async def test_a_head_that_comes_byte_by_byte_is_cut(services: Services) -> None:
    async with limited(services, ConnectionLimits(request_seconds=SECONDS)) as server:
        with rude.crowd(server.port) as join:
            answer = await drip(await connected(join), head(server))
            assert problem(answer) == (
                b"HTTP/1.1 408 Request not finished in time",
                "request_timeout",
            )
            await eventually(lambda: not server.server_state.connections, "the end")


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_a_body_that_comes_byte_by_byte_is_cut(services: Services, method: str) -> None:
    async with limited(services, ConnectionLimits(request_seconds=SECONDS)) as server:
        with rude.crowd(server.port) as join:
            slow = await connected(join)
            path = "/api/deploy" if method == "POST" else "/health/live"
            await slow.send(head(server, method, path, 10_000))
            answer = await drip(slow, b"{" + b" " * 9_999)
            # A GET is answered before its body has come.
            assert answer.startswith(b"HTTP/1.1 408" if method == "POST" else b"HTTP/1.1 200")
            await eventually(lambda: not server.server_state.tasks, "the end")


async def test_a_connection_that_sends_nothing_is_closed_without_an_answer(
    services: Services,
) -> None:
    async with limited(services, ConnectionLimits(request_seconds=SECONDS)) as server:
        with rude.crowd(server.port) as join:
            silent = await connected(join)
            assert await asyncio.wait_for(silent.read_all(), 20) == b""


async def test_a_later_request_of_a_connection_has_the_deadline_too(services: Services) -> None:
    async with limited(services, ConnectionLimits(request_seconds=SECONDS)) as server:
        with rude.crowd(server.port) as join:
            kept = await connected(join)
            await kept.send(head(server, "GET", "/health/live", 0) + b"GET /health")
            answer = await drip(kept, b"/live HTTP/1.1\r\n" + b"X: y\r\n" * 1000)
            assert answer.startswith(b"HTTP/1.1 200")
            assert b"HTTP/1.1 408" in answer


async def test_half_a_request_is_not_executed(
    services: Services, client: TemporalClient, worker: None
) -> None:
    """A cancel whose announced body never came was carried out."""
    async with limited(services, ConnectionLimits()) as server, session(server) as good:
        id = await deploy(good)
        with rude.crowd(server.port) as join:
            half = await connected(join)
            await half.send(head(server, "POST", f"/api/deployment/{id}/cancel", 40))
            await eventually(lambda: server.server_state.tasks, "the request")
            await half.half_close()
            await half.reset()
            await eventually(lambda: not server.server_state.tasks, "the end of the request")
        assert (await good.get(f"/api/deployment/{id}")).json()["cancel_requested"] is False
        await finish(client, id)


async def test_streams_last_longer_than_a_request_may_take(
    services: Services, client: TemporalClient, worker: None, tmp_path: Path
) -> None:
    limits = ConnectionLimits(request_seconds=0.3, unfinished=2)
    async with limited(services, limits) as server, session(server) as good:
        id = await deploy(good)
        seals = [await write(tmp_path, id, 1, 5)]
        with rude.crowd(server.port) as join:
            watching = [join() for _ in range(3)]
            for viewer, (path, headers) in zip(watching, rude.long_answers(id), strict=True):
                await viewer.get(path, headers)
            stream = asyncio.create_task(good.get(f"/api/deployment/{id}/logs/stream"))
            # Silent clients come and are closed twice over the time of a request.
            for _ in range(3):
                silent = await connected(join)
                assert await asyncio.wait_for(silent.read_all(), 20) == b""
            assert not stream.done()
            seals.append(await write(tmp_path, id, 2, 5))
            await finish(client, id, *seals)
            assert log_ids(events((await stream).text))[-1] == "2-5"
            received = b""
            while b"2-5" not in received:
                block = await asyncio.wait_for(watching[2].read(), 20)
                assert block, "the WebSocket was closed early"
                received += block


@contextmanager
def opened(server: Server, count: int) -> Iterator[list[rude.Client]]:
    with ExitStack() as stack:
        join = stack.enter_context(rude.crowd(server.port))
        yield [join() for _ in range(count)]


@pytest.mark.parametrize(
    ("limits", "status", "code"),
    [
        (ConnectionLimits(in_all=3), 503, "unavailable"),
        (ConnectionLimits(per_address=3), 429, "too_many_connections"),
    ],
)
@pytest.mark.usefixtures("worker")
async def test_connections_beyond_a_limit_are_refused_until_others_end(
    services: Services, limits: ConnectionLimits, status: int, code: str, client: TemporalClient
) -> None:
    async with limited(services, limits) as server:
        with opened(server, 2) as clients:
            async with session(server) as good:
                id = await deploy(good)
                streams = rude.long_answers(id)
                # A WebSocket counts like a stream.
                for viewer, (path, headers) in zip(clients, [streams[0], streams[2]], strict=True):
                    await viewer.get(path, headers)
                    assert (await viewer.read()).startswith(b"HTTP/1.1")
                async with session(server) as late:
                    refused = await late.get("/health/ready")
                    assert (refused.status_code, refused.json()["code"]) == (status, code)
                    assert int(refused.headers["retry-after"]) > 0
                    assert (await late.get("/health/live")).status_code == 200
                for viewer in clients:
                    await viewer.reset()

                async def is_served() -> bool:
                    async with session(server) as later:
                        return (await later.get("/health/live")).status_code == 200 and (
                            await later.get("/health/ready")
                        ).status_code != status

                await eventually(is_served, "a free place")
                await finish(client, id)


@pytest.mark.parametrize("limits", [ConnectionLimits(in_all=4), ConnectionLimits(per_address=4)])
async def test_refused_connections_are_logged_once_until_half_have_ended(
    services: Services, limits: ConnectionLimits, caplog: pytest.LogCaptureFixture
) -> None:
    """A crowd wrote a line in the log for each connection that was refused."""
    async with limited(services, limits) as server:
        for crowds in (1, 2):
            with opened(server, 30) as clients:
                for client in clients:
                    await client.get("/health/live")
                    await client.read()
                for client in clients:
                    await client.reset()
                state = server.server_state
                await eventually(lambda: not state.connections, "the end of the crowd")  # noqa: B023
            messages = [record.getMessage() for record in caplog.records]
            assert sum(message.startswith("refusing connections") for message in messages) == crowds


def test_a_client_at_its_limit_that_closes_and_opens_connections_fills_no_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    connections = Connections(ConnectionLimits(per_address=4))
    for _ in range(5):
        connections.add("10.0.0.1", 3)
    for _ in range(100):
        connections.remove("10.0.0.1")
        connections.add("10.0.0.1", 3)
    assert len(caplog.records) == 1
    for _ in range(5):
        connections.remove("10.0.0.1")
    assert not connections._refusing


def test_an_address_without_connections_takes_no_memory() -> None:
    connections = Connections(ConnectionLimits())
    for number in range(1000):
        connections.add(f"10.0.0.{number}", 3)
        connections.remove(f"10.0.0.{number}")
    assert not connections._by_address
