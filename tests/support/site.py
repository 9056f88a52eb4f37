"""A site behind a proxy, whose servers have certificates of the site's own authority."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tests.support.certificates import Certificate

__all__ = ["Site", "site"]

_BLOCK_BYTES = 64 * 1024


class Site:
    """Names that only the proxy resolves: without the proxy no connection comes about."""

    def __init__(self, folder: Path) -> None:
        self._authority = Certificate.authority(folder, "site-ca")
        self.ca_file = self._authority.path
        # Hosts to which a tunnel was opened, in order.
        self.tunnels: list[str] = []
        self.proxy = ""
        self._folder = folder
        self._ports: dict[str, int] = {}
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def settings(self) -> dict[str, str]:
        return {
            "ANAVA_NETWORK__HTTPS_PROXY": self.proxy,
            "ANAVA_NETWORK__CA_FILE": str(self.ca_file),
        }

    async def start(self) -> None:
        self.proxy = f"http://127.0.0.1:{await self._listen(self._tunnel)}"

    async def serve(self, name: str, port: int) -> str:
        """Serve a local server with TLS under a name; returns the base URL."""

        async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await _joined(reader, writer, port)

        self._ports[name] = await self._listen(forward, self._tls(name))
        return f"https://{name}"

    async def end(self) -> None:
        for server in self._servers:
            server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """CONNECT (RFC 9110, 9.3.6); any other request is refused."""
        method, _, rest = (await reader.readuntil(b"\r\n\r\n")).decode().partition(" ")
        name = rest.split(" ", 1)[0].rpartition(":")[0]
        self.tunnels.append(name)
        if method != "CONNECT" or name not in self._ports:
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            return
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await _joined(reader, writer, self._ports[name])

    async def _listen(self, serve: object, tls: ssl.SSLContext | None = None) -> int:
        async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await serve(reader, writer)  # type: ignore[operator] # one of the two above
            writer.close()

        server = await asyncio.start_server(connection, "127.0.0.1", 0, ssl=tls)
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    def _tls(self, name: str) -> ssl.SSLContext:
        certificate = self._authority.issue(self._folder, name, host=name)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate.path, certificate.key_path)
        return context


async def _joined(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
    pumps = [
        asyncio.ensure_future(_pump(reader, far_writer)),
        asyncio.ensure_future(_pump(far_reader, writer)),
    ]
    try:
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        far_writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while block := await reader.read(_BLOCK_BYTES):
        writer.write(block)
        await writer.drain()


@asynccontextmanager
async def site(folder: Path) -> AsyncIterator[Site]:
    """A site whose certificates lie in a folder."""
    network = Site(folder)
    await network.start()
    try:
        yield network
    finally:
        await network.end()
