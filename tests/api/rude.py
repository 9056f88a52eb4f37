"""Clients as no library makes them: on bare sockets, which read nothing, or leave in any moment."""

import asyncio
import re
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

_LINE = re.compile(rb'\["(\d+-\d+)",')
# RFC 6455, section 1.3: its own example.
_UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


class Client:
    """One connection with a buffer for a few lines: what it does not read lies with the server."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.settimeout(0)
        self._port = port

    async def get(self, path: str, headers: str = "") -> None:
        """Ask; whoever asks for nothing only connects."""
        await asyncio.get_running_loop().sock_connect(self._socket, ("127.0.0.1", self._port))
        if path:
            host = f"127.0.0.1:{self._port}"
            await self.send(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n".encode())

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self._socket, data)

    async def read(self, most: int = 4096) -> bytes:
        return await asyncio.get_running_loop().sock_recv(self._socket, most)

    async def read_all(self) -> bytes:
        """All until the server has closed or cut the connection."""
        found = b""
        try:
            while block := await self.read(65536):
                found += block
        except OSError:
            return found
        return found

    def close(self) -> None:
        self._socket.close()

    async def go(self) -> None:
        """As a program that ends."""
        self._socket.close()

    async def reset(self) -> None:
        """As a program that is killed, or a machine that knows nothing of it any more."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    async def half_close(self) -> None:
        """Say that nothing more will be asked, and read on."""
        self._socket.shutdown(socket.SHUT_WR)
        await self.read_all()


Join = Callable[[], Client]


@contextmanager
def crowd(port: int) -> Iterator[Join]:
    """Makes clients, all of which are gone in the end."""
    with ExitStack() as clients:

        def join() -> Client:
            made = Client(port)
            clients.callback(made.close)
            return made

        yield join


def long_answers(id: str) -> list[tuple[str, str]]:
    """Path and headers of what a deployment's log comes as; the last is a WebSocket."""
    path = f"/api/deployment/{id}"
    return [
        (f"{path}/logs/stream", ""),
        (f"{path}/logs?format=ndjson", ""),
        (f"{path}/ws", _UPGRADE),
    ]


def ids(data: bytes) -> list[str]:
    """Of the lines that came; a quote in a text is escaped, so none of these is one."""
    return [id.decode() for id in _LINE.findall(data)]
