"""The API, put together: run with `anava api` or `python -m api.main`."""

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from adapters.file_changes import FileChanges
from adapters.google_api import GoogleApi
from adapters.google_credentials import DefaultCredentials
from adapters.google_preflight import GooglePreflight
from adapters.local_artifacts import LocalArtifactStore
from adapters.local_progress import LocalProgressSource
from adapters.log_stores import open_source
from adapters.settings import Settings, load
from adapters.temporal_client import check_attributes, connect
from api.app import build
from api.dependencies import Services
from api.deployments import Deployments
from api.guard import is_loopback
from api.temporal_health import TemporalHealth
from deployments.errors import AnavaError, InvalidSettings

__all__ = ["create_app", "main", "run"]

_log = logging.getLogger("anava.api")

# Streams say bye at once; what is still busy then is cut off.
_GRACE_SECONDS = 5


async def create_app(settings: Settings, stopping: asyncio.Event) -> FastAPI:
    """The application by its settings; `stopping` ends its streams.

    Raises:
        InvalidSettings: the host is no loopback address, or search attributes are missing.
        TemporalUnavailable: nobody answers.
    """
    if not is_loopback(settings.api.host):
        raise InvalidSettings(
            f"ANAVA_API__HOST is {settings.api.host}: without sign-in the API listens on loopback "
            "only, like 127.0.0.1"
        )
    client = await connect()
    await check_attributes(client)
    store = LocalArtifactStore(settings.data)
    google = GoogleApi(DefaultCredentials(), settings.google.endpoint)
    services = Services(
        deployments=Deployments(client, settings.phases.timings()),
        logs=open_source(settings, FileChanges()),
        progress=LocalProgressSource(settings.runs),
        health=TemporalHealth(client),
        artifacts=store,
        downloads=store,
        preflight=GooglePreflight(google, settings.terraform.templates),
        stopping=stopping,
    )
    return build(services)


class _Server(uvicorn.Server):
    """Tells streams of the stop before it waits for them."""

    def __init__(self, config: uvicorn.Config, stopping: asyncio.Event) -> None:
        super().__init__(config)
        self._stopping = stopping

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at the first signal, at once at the second; uvicorn would die of it in the end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Say it, then wait."""
        self._stopping.set()
        await super().shutdown(sockets)


async def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        AnavaError: it cannot serve as it is set.
    """
    stopping = asyncio.Event()
    app = await create_app(settings, stopping)
    config = uvicorn.Config(
        app,
        host=settings.api.host,
        port=settings.api.port,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        access_log=False,
        server_header=False,
        log_level="info",
    )
    server = _Server(config, stopping)
    await server.serve()


def main(argv: Sequence[str] = ()) -> None:
    """Run the API in this process, which ends with it."""
    code = 0
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        if argv:
            raise InvalidSettings(f"{argv[0]}: the API takes its settings from the environment")
        asyncio.run(run(load()))
    except AnavaError as error:
        _log.error("%s %s", error, error.advice)
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    # The Temporal SDK's threads can crash the interpreter while it ends (measured).
    os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1:])
