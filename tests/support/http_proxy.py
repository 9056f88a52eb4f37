"""A proxy that understands HTTP/1.1 in front of a real server: refuses or swallows by rule."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import h11
import httpx

from tests.support.tcp_proxy import reset
from tests.support.verdicts import Rule, Verdict, never

__all__ = ["HttpProxy", "http_proxy"]

_BLOCK_BYTES = 64 * 1024
_HEAD_BYTES = 2048
_UPLOADED = re.compile(rb'"name": ?"([^"]+)"')
_REFUSALS = {Verdict.UNAVAILABLE: 503, Verdict.EXHAUSTED: 429}
# Of one hop only; lengths and encodings are written anew. The host stays: a server's answer may
# lead to it.
_OF_THE_HOP = {b"connection", b"keep-alive", b"transfer-encoding", b"content-length"}


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: list[tuple[bytes, bytes]]
    content: bytes


@dataclass
class HttpProxy:
    """`rule` and `latency_seconds` may be changed at any time; `calls` holds what was asked."""

    target: str
    port: int = 0
    rule: Rule = never
    latency_seconds: float = 0.0
    calls: list[tuple[str, Verdict]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        connection = h11.Connection(h11.SERVER)
        try:
            async with httpx.AsyncClient(timeout=60, trust_env=False) as upstream:
                while await self._exchange(connection, reader, writer, upstream):
                    connection.start_next_cycle()
        except (OSError, h11.RemoteProtocolError, httpx.TransportError):
            writer.transport.abort()
        finally:
            writer.close()

    async def _exchange(
        self,
        connection: h11.Connection,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        upstream: httpx.AsyncClient,
    ) -> bool:
        """One request and its answer; whether another may come."""
        found = await _request(connection, reader)
        if found is None:
            return False
        request, body = found
        name = f"{request.method.decode()} {request.target.decode()}{_uploaded(body)}"
        verdict = self.rule(name)
        self.calls.append((name, verdict))
        await asyncio.sleep(self.latency_seconds)
        if verdict in {Verdict.RESET, Verdict.DROP}:
            return await _lose(verdict, reader, writer)
        if verdict in _REFUSALS:
            answer = _Answer(_REFUSALS[verdict], [], b"refused by a fault proxy")
        else:
            answer = await self._ask(upstream, request, body)
        if verdict in {Verdict.CLOSE, Verdict.LOSE, Verdict.SWALLOW}:
            # It was carried out; what the caller hears differs.
            return await _lose(verdict, reader, writer)
        _write(connection, writer, answer)
        await writer.drain()
        return connection.our_state is h11.DONE

    async def _ask(self, upstream: httpx.AsyncClient, request: h11.Request, body: bytes) -> _Answer:
        url = self.target + request.target.decode()
        headers = [header for header in request.headers if header[0] not in _OF_THE_HOP]
        asked = upstream.build_request(
            request.method.decode(), url, headers=headers, content=body or None
        )
        answer = await upstream.send(asked, stream=True)
        try:
            # Raw: a body that is packed stays packed.
            content = b"".join([part async for part in answer.aiter_raw()])
        finally:
            await answer.aclose()
        kept = [item for item in answer.headers.raw if item[0].lower() not in _OF_THE_HOP]
        return _Answer(answer.status_code, kept, content)


async def _lose(
    verdict: Verdict, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> bool:
    if verdict in {Verdict.LOSE, Verdict.RESET}:
        reset(writer)
        return False
    if verdict in {Verdict.CLOSE, Verdict.DROP}:
        writer.transport.abort()
        return False
    # The caller waits until it gives up.
    while await reader.read(_BLOCK_BYTES):
        continue
    return False


def _uploaded(body: bytes) -> str:
    """The object an upload makes: that stands in its body, not in its address."""
    found = _UPLOADED.search(body[:_HEAD_BYTES])
    return f" {found[1].decode()}" if found else ""


async def _request(
    connection: h11.Connection, reader: asyncio.StreamReader
) -> tuple[h11.Request, bytes] | None:
    request: h11.Request | None = None
    body = b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_BLOCK_BYTES))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            assert request is not None
            return request, body
        else:
            return None


def _write(connection: h11.Connection, writer: asyncio.StreamWriter, answer: _Answer) -> None:
    content = answer.content
    length = [] if answer.status in {204, 304} else [(b"content-length", b"%d" % len(content))]
    events: list[h11.Event] = [
        h11.Response(status_code=answer.status, headers=[*answer.headers, *length])
    ]
    if content:
        events.append(h11.Data(data=content))
    for event in (*events, h11.EndOfMessage()):
        writer.write(connection.send(event) or b"")


@asynccontextmanager
async def http_proxy(target: str, port: int = 0) -> AsyncIterator[HttpProxy]:
    """In front of a server's base URL; on any free port, or on this one."""
    proxy = HttpProxy(target)
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(proxy.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", port)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
