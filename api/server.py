"""The HTTP server: limits per connection, and the shutdown of all connections."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from api.connections import ConnectionLimits, Connections, HttpProtocol
from api.descriptors import ACCEPTED_AT_ONCE
from api.middleware.request_guard import is_loopback
from deployments.errors import InvalidSettings

__all__ = ["Server", "check_host"]

# The kernel closes a connection whose client acknowledges nothing for this time (TCP_USER_TIMEOUT;
# ADR 9): a stalled viewer, or a lost network. A viewer that reconnects reads the missed events.
STALL_SECONDS = 20.0
# Limit of unsent bytes in the kernel per connection (TCP_NOTSENT_LOWAT); 2.9 MiB by default.
_UNSENT_BYTES = 128 * 1024
# Connections that wait in the kernel: uvicorn's default; a thousand viewers reconnect at once.
_BACKLOG = 2048
# The largest message is a cancel with its reason; uvicorn's limit is 16 MiB.
_MAX_MESSAGE_BYTES = 16 * 1024
# The shutdown: streams send `bye` within `_BYE_SECONDS`; `_GRACE_SECONDS` later all connections are
# aborted; `_CANCEL_SECONDS` after the `bye` uvicorn cancels the remaining requests. This takes 5 s
# at most; `anava up` kills the process after 15 s, Docker by default after 10 s.
_BYE_SECONDS = 1.0
_GRACE_SECONDS = 3.0
_CANCEL_SECONDS = 4


def check_host(host: str, *, published_on_loopback: bool) -> None:
    """Check that only this machine reaches the server.

    Raises:
        InvalidSettings: the host is not a loopback address, nor published on loopback only.
    """
    if not is_loopback(host) and not published_on_loopback:
        raise InvalidSettings(
            f"ANAVA_API__HOST is {host}: without sign-in the API listens on loopback "
            "only, like 127.0.0.1. In a container whose ports are published on 127.0.0.1 only, set "
            "ANAVA_API__PUBLISHED_ON_LOOPBACK=true"
        )


class Server(uvicorn.Server):
    """A uvicorn server that ends the event streams before it waits for open connections.

    `port` 0 selects any free port. The server sets `stopping` when the shutdown begins.
    """

    def __init__(
        self,
        app: ASGIApp,
        host: str,
        port: int,
        stopping: asyncio.Event,
        stall_seconds: float = STALL_SECONDS,
        limits: ConnectionLimits = ConnectionLimits(),  # noqa: B008 - a frozen value
    ) -> None:
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            timeout_graceful_shutdown=_CANCEL_SECONDS,
            access_log=False,
            server_header=False,
            # The process configures the log.
            log_config=None,
            backlog=ACCEPTED_AT_ONCE,
            # uvicorn calls the class, and nothing else of it.
            http=HttpProtocol.of(Connections(limits)),  # type: ignore[arg-type]
            ws=_WebSocket,
            ws_max_size=_MAX_MESSAGE_BYTES,
            # The events include pings. Compression would prevent sharing a frame among viewers.
            ws_ping_interval=None,
            ws_per_message_deflate=False,
        )
        super().__init__(config)
        self._stopping = stopping
        self._stall_seconds = stall_seconds
        logging.getLogger("uvicorn.error").addFilter(_without_traceback)

    @property
    def port(self) -> int:
        """The port of the started server."""
        port: int = self.servers[0].sockets[0].getsockname()[1]
        return port

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Shut down at the first signal, at once at the second.

        uvicorn's method raises the signal again after the shutdown, which kills the process.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, with the socket options that every connection inherits."""
        await super().startup(sockets)
        milliseconds = int(self._stall_seconds * 1000)
        for server in self.servers:
            for listener in server.sockets:
                listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
                listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
                _widen_backlog(listener.fileno())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let the streams send `bye`, wait for open connections, then abort them."""
        for server in self.servers:
            server.close()
        self._stopping.set()
        # uvicorn's shutdown would close a WebSocket before the `bye`.
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=_BYE_SECONDS)
        asyncio.get_running_loop().call_later(_GRACE_SECONDS, self._abort_connections)
        await super().shutdown(sockets)

    def _abort_connections(self) -> None:
        for connection in self.server_state.connections:
            connection.transport.abort()


def _widen_backlog(descriptor: int) -> None:
    """Let more connections wait in the kernel than asyncio accepts at once: listen(2) again."""
    with socket.socket(fileno=os.dup(descriptor)) as listener:
        listener.listen(_BACKLOG)


class _WebSocket(WebSocketsSansIOProtocol):
    """Fixes two errors of uvicorn 0.54 at refused upgrades; `on_lost` is called at the end."""

    on_lost: Callable[[], None] | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.on_lost is not None:
            self.on_lost()

    def data_received(self, data: bytes) -> None:
        """Send the refusal of an unreadable request, which uvicorn leaves in a buffer."""
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()

    async def send(self, message: ASGISendEvent) -> None:
        """Record a refusal as the response; uvicorn logs an error about a missing response."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and self.close_sent:
            self.handshake_complete = True


def _without_traceback(record: logging.LogRecord) -> bool:
    """Log a client's invalid UTF-8 without the traceback of uvicorn 0.54."""
    if record.getMessage().startswith("Invalid UTF-8"):
        record.exc_info = None
    return True
