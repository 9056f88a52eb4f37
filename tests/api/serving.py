"""The application in this process, and a server on a real socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from starlette.applications import Starlette

from api.server import Server
from tests.support.servers import eventually

__all__ = ["in_process", "serving"]


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
