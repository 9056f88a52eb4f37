"""Near the limit of open descriptors the API refuses, lives, and writes a line of log."""

import shlex
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import cycle, islice

import httpx

from tests.api.scripted import deploy
from tests.support.api import API, start_api, until_ready
from tests.support.fixtures import house as house
from tests.support.fixtures import temporal as temporal
from tests.support.servers import eventually, free_port
from tests.support.service import House

LIMIT, CROWD = 512, 700


@asynccontextmanager
async def limited_api(house: House, ulimit: str) -> AsyncIterator[httpx.AsyncClient]:
    port = free_port()
    start_api(house, port, ("/bin/sh", "-c", f"ulimit {ulimit} {LIMIT}; exec {shlex.join(API)}"))
    # A connection for each request: an open connection would be served on.
    limits = httpx.Limits(max_keepalive_connections=0)
    url = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=url, timeout=30, limits=limits) as session:
        await until_ready(session, 60)
        yield session


@asynccontextmanager
async def crowd(session: httpx.AsyncClient, *requests: bytes) -> AsyncIterator[None]:
    """Connections that send these requests, one each, in turn."""
    port = session.base_url.port
    connections = []
    try:
        for request in islice(cycle(requests), CROWD):
            connections.append(socket.create_connection(("127.0.0.1", port)))
            connections[-1].sendall(request)
        yield
    finally:
        for connection in connections:
            connection.close()


async def stream_of(session: httpx.AsyncClient) -> bytes:
    """The request for the stream of a deployment that waits for a worker."""
    path = f"/api/deployment/{await deploy(session)}/logs/stream"
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{session.base_url.port}\r\n\r\n".encode()


async def test_a_crowd_beyond_the_hard_limit_is_refused_and_the_process_lives(house: House) -> None:
    """`socket.accept() out of system resource` with a traceback each second, and no answer."""
    async with limited_api(house, "-n") as session:
        async with crowd(session, await stream_of(session)):
            for _ in range(3):
                refused = await session.get("/health/ready")
                assert refused.status_code == 503
                assert refused.headers["retry-after"] == "2"
                assert refused.json()["code"] == "unavailable"
                assert (await session.get("/health/live")).status_code == 200

        async def is_served() -> bool:
            return (await session.get("/health/ready")).status_code == 200

        await eventually(is_served, "the end of the refusals")
    log = (house.data / "api.log").read_text()
    assert log.count("refusing connections") == 1
    assert "Traceback" not in log


async def test_the_soft_limit_is_raised_to_the_hard_limit(house: House) -> None:
    async with limited_api(house, "-Sn") as session, crowd(session, await stream_of(session)):
        assert (await session.get("/health/ready")).status_code == 200


HALF = (
    b"POST /api/deploy HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b'Content-Length: 100\r\n\r\n{"template"'
)


async def test_a_crowd_that_finishes_no_request_takes_no_place_of_others(house: House) -> None:
    """From the hard limit on the API was deaf: 503 for each other client."""
    # Nothing, a part of a head, a part of a body.
    async with limited_api(house, "-n") as session, crowd(session, b"", HALF[:40], HALF):
        assert (await session.get("/health/ready")).status_code == 200
        assert await deploy(session)
