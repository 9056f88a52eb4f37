"""Serves the application: what a connection may cost, and how all of them end."""

import asyncio
import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

__all__ = ["Server"]

# Who takes nothing of what waits for it so long is cut by the kernel (TCP_USER_TIMEOUT; ADR 9): a
# viewer that stalls, or one whose network is gone. What it missed it reads when it comes back.
STALL_SECONDS = 20.0
# So much waits in the kernel for one that does not read (TCP_NOTSENT_LOWAT); 2.9 MiB without it.
_UNSENT_BYTES = 128 * 1024
# A message is a cancel with its reason; uvicorn's own limit is 16 MiB.
_MOST_MESSAGE_BYTES = 16 * 1024
# The stop, in seconds: streams say bye at once; who is slow has until `_GRACE_SECONDS`, then is
# cut; what is busy even then is dropped. Together well below the 8 s after which the machine's own
# supervisor would kill.
_BYE_SECONDS = 1.0
_GRACE_SECONDS = 3.0
_LAST_SECONDS = 4


class Server(uvicorn.Server):
    """Tells streams of the stop before it waits for them.

    Args:
        app: what is served.
        host: where; loopback as long as there is no sign-in.
        port: 0 for any.
        stopping: set when the stop begins.
        stall_seconds: how long a client may take nothing.
    """

    def __init__(
        self,
        app: FastAPI,
        host: str,
        port: int,
        stopping: asyncio.Event,
        stall_seconds: float = STALL_SECONDS,
    ) -> None:
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            timeout_graceful_shutdown=_LAST_SECONDS,
            access_log=False,
            server_header=False,
            log_level="info",
            ws=_WebSocket,
            ws_max_size=_MOST_MESSAGE_BYTES,
            # Events are signs of life already, and all share one frame: none is compressed.
            ws_ping_interval=None,
            ws_per_message_deflate=False,
        )
        super().__init__(config)
        self._stopping = stopping
        self._stall_seconds = stall_seconds
        logging.getLogger("uvicorn.error").addFilter(_without_trace)

    @property
    def port(self) -> int:
        """Where it listens, once it has started."""
        port: int = self.servers[0].sockets[0].getsockname()[1]
        return port

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at the first signal, at once at the second; uvicorn would die of it in the end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen; every connection inherits what is set here."""
        await super().startup(sockets)
        milliseconds = int(self._stall_seconds * 1000)
        for server in self.servers:
            for item in server.sockets:
                item.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
                item.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Say it, then wait, then cut."""
        for server in self.servers:
            server.close()
        self._stopping.set()
        # uvicorn would close a WebSocket before its bye.
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=_BYE_SECONDS)
        asyncio.get_running_loop().call_later(_GRACE_SECONDS, self._cut)
        await super().shutdown(sockets)

    def _cut(self) -> None:
        for connection in self.server_state.connections:
            connection.transport.abort()


class _WebSocket(WebSocketsSansIOProtocol):
    """Mends what uvicorn 0.54 does with an upgrade that is refused."""

    def data_received(self, data: bytes) -> None:
        """Send the refusal of a request that the library could not read; it would lie here."""
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()

    async def send(self, message: ASGISendEvent) -> None:
        """Know that an answer instead of the upgrade is one; the log would say that none came."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and self.close_sent:
            self.handshake_complete = True


def _without_trace(record: logging.LogRecord) -> bool:
    """A text that is no UTF-8 is its sender's mistake; uvicorn 0.54 tells it with a traceback."""
    if record.getMessage().startswith("Invalid UTF-8"):
        record.exc_info = None
    return True
