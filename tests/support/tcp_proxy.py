"""A TCP proxy in front of a real server: down, reset, black hole, latency, bandwidth, swallowed."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from tests.support.verdicts import Rule, Verdict, never

__all__ = ["Mode", "TcpProxy", "reset", "tcp_proxy"]

_BLOCK_BYTES = 64 * 1024
# What is on its way in one direction of one connection; then the sender has to wait.
_MOST_WAITING = 64
# Bytes go out in so many portions a second where the bandwidth is limited.
_PORTIONS = 20


class Mode(Enum):
    """What becomes of connections."""

    PASS = auto()
    RESET = auto()  # accepted, then reset
    BLACK_HOLE = auto()  # accepted, and nothing ever comes back


@dataclass
class TcpProxy:
    """Its fields may be changed at any time; they count for the next bytes.

    `latency_seconds` delays what the client says, `bytes_per_second` limits each direction of each
    connection. `rule` is asked once for each request, which is what a client says after an answer;
    a swallowed one is carried out and its connection never says anything again.
    """

    target: int
    port: int = 0
    mode: Mode = Mode.PASS
    latency_seconds: float = 0.0
    bytes_per_second: int = 0
    rule: Rule = never
    accepted: int = 0
    swallowed: int = 0
    _server: asyncio.Server | None = None
    _held: socket.socket | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def up(self) -> None:
        """Listen; always on the same port."""
        if self._held is None:
            # Keeps the port while nobody listens on it, so that it really refuses.
            self._held = _bound(self.port)
            self.port = self._held.getsockname()[1]
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, sock=_bound(self.port))

    async def down(self) -> None:
        """Refuse connections; those that are open are reset."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()

    def cut(self) -> None:
        """Reset every open connection."""
        for writer in tuple(self._open):
            reset(writer)

    async def close(self) -> None:
        await self.down()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._held is not None:
            self._held.close()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self._begin(self._serve(reader, writer))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.mode is Mode.RESET:
            reset(writer)
            return
        self._open.add(writer)
        ends = [writer]
        connection = _Connection(self)
        try:
            behind, ahead = await asyncio.open_connection("127.0.0.1", self.target)
            ends.append(ahead)
            async with asyncio.TaskGroup() as both:
                both.create_task(connection.pump(reader, ahead, asks=True))
                both.create_task(connection.pump(behind, writer, asks=False))
        except* OSError:
            reset(writer)
        finally:
            self._open.discard(writer)
            for end in ends:
                end.close()


class _Connection:
    """What lost a byte stays deaf, whatever the mode becomes: half a message is none."""

    def __init__(self, proxy: TcpProxy) -> None:
        self._proxy = proxy
        self._deaf = False
        self._swallows = False
        self._answered = True

    async def pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, asks: bool
    ) -> None:
        """One direction, until its end."""
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_MOST_WAITING)
        async with asyncio.TaskGroup() as both:
            both.create_task(self._take(reader, waiting, asks=asks))
            both.create_task(self._give(waiting, writer))

    async def _take(
        self,
        reader: asyncio.StreamReader,
        waiting: "asyncio.Queue[tuple[float, bytes]]",
        *,
        asks: bool,
    ) -> None:
        clock = asyncio.get_running_loop().time
        while data := await reader.read(_BLOCK_BYTES):
            self._deaf = self._deaf or self._proxy.mode is Mode.BLACK_HOLE
            if asks and self._answered and self._proxy.rule("") is Verdict.SWALLOW:
                self._swallows = True
                self._proxy.swallowed += 1
            self._answered = not asks
            if self._deaf or (self._swallows and not asks):
                continue
            await waiting.put((clock() + (self._proxy.latency_seconds if asks else 0), data))
        await waiting.put((clock(), b""))

    async def _give(
        self, waiting: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter
    ) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            due, data = await waiting.get()
            if not data:
                # Half-closed: the other direction may still have something to say.
                with contextlib.suppress(OSError):
                    writer.write_eof()
                return
            await asyncio.sleep(max(0.0, due - clock()))
            for portion in self._portions(data):
                writer.write(portion)
                await writer.drain()
                if self._proxy.bytes_per_second:
                    await asyncio.sleep(len(portion) / self._proxy.bytes_per_second)

    def _portions(self, data: bytes) -> list[bytes]:
        rate = self._proxy.bytes_per_second
        size = max(1, rate // _PORTIONS) if rate else len(data)
        return [data[at : at + size] for at in range(0, len(data), size)]


@asynccontextmanager
async def tcp_proxy(target: int, port: int = 0) -> AsyncIterator[TcpProxy]:
    """In front of a server's port on this machine; on any free port, or on this one."""
    proxy = TcpProxy(target, port)
    await proxy.up()
    try:
        yield proxy
    finally:
        await proxy.close()


def _bound(port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind(("127.0.0.1", port))
    return bound


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection by RST: `abort` alone sends FIN, which a client reads as an end of file."""
    connection = writer.get_extra_info("socket")
    if connection is not None and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
