"""Near the limit of open descriptors the API refuses, lives, and writes a line of log."""

import shlex
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

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
async def crowd(session: httpx.AsyncClient) -> AsyncIterator[None]:
    """Connections that send nothing."""
    port = session.base_url.port
    connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(CROWD)]
    try:
        yield
    finally:
        for connection in connections:
            connection.close()


async def test_a_crowd_beyond_the_hard_limit_is_refused_and_the_process_lives(house: House) -> None:
    """`socket.accept() out of system resource` with a traceback each second, and no answer."""
    async with limited_api(house, "-n") as session:
        async with crowd(session):
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
    async with limited_api(house, "-Sn") as session, crowd(session):
        assert (await session.get("/health/ready")).status_code == 200
