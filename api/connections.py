"""Limits of connections: how long a client may take to send a request, and how many may be open.

A client that does not finish its requests takes a place among a few, never the places of others
(docs/adr/0036).
"""

import asyncio
import logging
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import h11
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from api.descriptors import usable_descriptors
from api.problems import Problem, problem_response

__all__ = ["ConnectionLimits", "Connections", "HttpProtocol"]

_log = logging.getLogger("anava.api")

_LIVE = "/health/live"
# In place of an address.
_ALL = ""
_FULL = Problem("unavailable", "The service has too many open connections.")
_TOO_MANY_OF_ADDRESS = Problem("too_many_connections")


@dataclass(frozen=True)
class ConnectionLimits:
    """Limits of a server's connections.

    `request_seconds` is the time for a whole request, head and body: a body of 1 MiB takes 17 s at
    0.5 Mbit/s. `unfinished` connections may be sending a request: a request of a program arrives in
    milliseconds, so 256 are enough for the thousand viewers that connect at once after a restart.
    """

    in_all: int = 10_000
    per_address: int = 2_000
    request_seconds: float = 20.0
    unfinished: int = 256


class Connections:
    """The open connections of a server, by peer address and by their unfinished requests."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self._by_address: Counter[str] = Counter()
        self._open = 0
        # In the order of the first byte that is missing.
        self._unfinished: dict[HttpProtocol, None] = {}
        self._refused: dict[HttpProtocol, None] = {}
        # The number of open connections at the first refusal: of an address, or of all by `_ALL`.
        self._refusing: dict[str, int] = {}

    def add(self, address: str, descriptor: int) -> Problem | None:
        """Count a connection; the problem with which each of its requests is refused, or None."""
        self._open += 1
        self._by_address[address] += 1
        # The kernel gives the lowest free number, so that many descriptors are open.
        usable, _ = usable_descriptors()
        if descriptor >= usable or self._open > self.limits.in_all:
            self._note_refusal(_ALL, self._open, _FULL)
            return _FULL
        if self._by_address[address] > self.limits.per_address:
            self._note_refusal(address, self._by_address[address], _TOO_MANY_OF_ADDRESS)
            return _TOO_MANY_OF_ADDRESS
        return None

    def _note_refusal(self, address: str, count: int, problem: Problem) -> None:
        """Log the first refusal alone: a crowd must not fill the log."""
        if address not in self._refusing:
            self._refusing[address] = count
            _log.warning("refusing connections: %s", problem.detail or problem.kind.meaning)

    def _end_refusal(self, address: str, count: int) -> None:
        """Expect another log line after half of the connections have ended.

        At the limit itself a client that closes and opens connections would write a line for each.
        """
        if address in self._refusing and count <= self._refusing[address] // 2:
            del self._refusing[address]

    def remove(self, address: str) -> None:
        """Count a connection no more."""
        self._open -= 1
        self._by_address[address] -= 1
        self._end_refusal(_ALL, self._open)
        self._end_refusal(address, self._by_address[address])
        if not self._by_address[address]:
            del self._by_address[address]

    def begin(self, connection: "HttpProtocol") -> None:
        """Note that a client owes the rest of a request; of too many the oldest is closed."""
        if oldest := _put(self._unfinished, connection, self.limits.unfinished):
            oldest.expire()

    def end(self, connection: "HttpProtocol") -> None:
        """Note that a request is complete, or will never be."""
        self._unfinished.pop(connection, None)

    def refuse(self, connection: "HttpProtocol") -> None:
        """Hold a refused connection until its response; of too many the oldest is closed."""
        _, for_refused = usable_descriptors()
        if oldest := _put(self._refused, connection, for_refused):
            oldest.transport.abort()

    def forget(self, connection: "HttpProtocol") -> None:
        """Forget a refused connection that is closed."""
        self._refused.pop(connection, None)


class HttpProtocol(H11Protocol):
    """A connection. Beyond a limit it is refused: closed after the response, `/health/live` served.

    A client has `request_seconds` for each request, from the opening of the connection or from the
    first byte of a later request to the last byte of the body, however many bytes arrive meanwhile.
    A stream is no request that is sent, so it lasts.
    """

    def __init__(self, connections: Connections, **of_uvicorn: Any) -> None:  # noqa: ANN401 - uvicorn's
        super().__init__(**of_uvicorn)
        self._of_server = connections
        self._deadline: asyncio.TimerHandle | None = None
        self._address = ""

    @classmethod
    def of(cls, connections: Connections) -> Callable[..., "HttpProtocol"]:
        """The class as uvicorn calls it for each connection of a server."""
        return partial(cls, connections)

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - uvicorn's type
        super().connection_made(transport)
        self._address = peer_address(transport)
        descriptor = transport.get_extra_info("socket").fileno()
        if problem := self._of_server.add(self._address, descriptor):
            self.app = partial(_refuse, self.app, problem)
            self.ws_protocol_class = None
            self._of_server.refuse(self)
        self._await_request()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._observe()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        # A later request may lie in the buffer, whole or in part.
        self._observe()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._settle()
        super().handle_websocket_upgrade(event)
        # The connection counts until the WebSocket is closed.
        web_socket: Any = self.transport.get_protocol()
        web_socket.on_lost = self._uncount

    def connection_lost(self, exc: Exception | None) -> None:
        self._settle()
        self._of_server.forget(self)
        self._uncount()
        super().connection_lost(exc)

    def expire(self) -> None:
        """Close the connection of a client that does not finish its request.

        The answer is a problem where a part of a request has arrived and no response has begun.
        """
        self._settle()
        if self.transport.is_closing():
            return
        has_begun = self.conn.our_state not in {h11.IDLE, h11.SEND_RESPONSE}
        is_silent = self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]
        if not (has_begun or is_silent):
            self._answer(Problem("request_timeout"))
        if self.cycle is not None:
            # The application waits for the body, and must not answer a second time.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()

    def _answer(self, problem: Problem) -> None:
        response = problem_response(problem, uuid.uuid4().hex)
        head = h11.Response(
            status_code=response.status_code,
            headers=[*response.raw_headers, (b"connection", b"close")],
            reason=problem.kind.title.encode("ascii"),
        )
        for event in (head, h11.Data(data=bytes(response.body)), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event))

    def _observe(self) -> None:
        """Set the deadline while the client owes a part of a request."""
        if self._is_handed_over or self.transport.is_closing():
            return
        state = self.conn.their_state
        owes = state is h11.SEND_BODY or (state is h11.IDLE and self.conn.trailing_data[0])
        if not owes:
            self._settle()
        elif self._deadline is None:
            self._await_request()

    @property
    def _is_handed_over(self) -> bool:
        return self.transport.get_protocol() is not self

    def _await_request(self) -> None:
        seconds = self._of_server.limits.request_seconds
        self._deadline = self.loop.call_later(seconds, self.expire)
        self._of_server.begin(self)

    def _settle(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self._of_server.end(self)

    def _uncount(self) -> None:
        if self._address:
            self._of_server.remove(self._address)
            self._address = ""


def _put(
    connections: dict[HttpProtocol, None], connection: HttpProtocol, most: int
) -> HttpProtocol | None:
    """Add a connection; of more than `most` remove and return the oldest.

    It is removed at once: the loop accepts a burst before it closes the first.
    """
    connections[connection] = None
    if len(connections) <= most:
        return None
    oldest = next(iter(connections))
    del connections[oldest]
    return oldest


def peer_address(transport: asyncio.BaseTransport) -> str:
    """The address of the other end, without port; behind a proxy all connections have the same."""
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if peer else "unknown"


async def _refuse(
    app: ASGIApp, problem: Problem, scope: Scope, receive: Receive, send: Send
) -> None:
    async def send_and_close(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)["Connection"] = "close"
        await send(message)

    if scope["path"] != _LIVE:
        app = problem_response(problem, uuid.uuid4().hex)
    await app(scope, receive, send_and_close)
