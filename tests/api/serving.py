"""The application in this process, and a server on a real socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from starlette.applications import Starlette

from api.server import Server
from deployments.subject import SubjectLimits
from tests.support.servers import eventually

__all__ = ["UNLIMITED", "UNLIMITED_SETTINGS", "in_process", "serving"]

# The deployments of all tests of a process belong to the same owner, on the same Temporal.
UNLIMITED = SubjectLimits(open_deployments=1_000, creates_per_minute=100_000)
UNLIMITED_SETTINGS = {
    "ANAVA_LIMITS__OPEN_DEPLOYMENTS": str(UNLIMITED.open_deployments),
    "ANAVA_LIMITS__CREATES_PER_MINUTE": str(UNLIMITED.creates_per_minute),
}


@asynccontextmanager
async def in_process(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, without a socket."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as session:
        yield session


@asynccontextmanager
async def serving(server: Server) -> AsyncIterator[Server]:
    """Serve until the end of the block."""
    task = asyncio.create_task(server.serve())
    await eventually(lambda: server.started, "the server")
    try:
        yield server
    finally:
        server.should_exit = True
        await task
