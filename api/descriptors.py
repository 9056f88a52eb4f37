"""The API near its limit of open descriptors: new requests are refused, `/health/live` is served.

Beyond the limit the kernel accepts no connection, and a request that opens a file fails.
"""

import logging
import resource
import sys
import uuid
from functools import partial
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from api.problems import Problem, problem_response

__all__ = ["ACCEPTED_AT_ONCE", "HttpProtocol", "raise_descriptor_limit"]

_log = logging.getLogger("anava.api")

# For the files and stores of running requests, and for the connections that are refused.
_RESERVED = 256
# asyncio accepts so many connections in each pass of its loop, and a refused connection is closed
# three passes later: together less than the reserve.
ACCEPTED_AT_ONCE = 16
_LIVE = "/health/live"
_DETAIL = "The service has too many open connections."


def raise_descriptor_limit() -> None:
    """Raise the soft limit of open descriptors, usually 1,024, to the hard limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _usable() -> tuple[int, int]:
    """The descriptors for connections that are served, and for those that are refused."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = sys.maxsize if limit == resource.RLIM_INFINITY else limit
    reserved = min(_RESERVED, limit // 4)
    return limit - reserved, reserved // 4


class HttpProtocol(H11Protocol):
    """A connection; beyond the usable descriptors it is refused, and closed after the response.

    Of refused connections that send nothing, the oldest is closed for each new one.
    """

    # All refused connections of this process, in the order of their arrival.
    refused: "dict[HttpProtocol, None]" = {}  # noqa: RUF012 - shared on purpose

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - uvicorn's type
        super().connection_made(transport)
        usable, for_refused = _usable()
        # The kernel gives the lowest free number, so that many descriptors are open.
        if transport.get_extra_info("socket").fileno() < usable:
            return
        _log.warning("refusing connections: more than %s descriptors are open", usable)
        self.app = partial(_refuse, self.app)
        self.ws_protocol_class = None
        self.refused[self] = None
        if len(self.refused) > for_refused:
            # Removed at once: the loop accepts a burst before it closes the first.
            oldest = next(iter(self.refused))
            del self.refused[oldest]
            oldest.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.refused.pop(self, None)
        super().connection_lost(exc)


async def _refuse(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    async def send_and_close(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)["Connection"] = "close"
        await send(message)

    if scope["path"] != _LIVE:
        app = problem_response(Problem("unavailable", _DETAIL), uuid.uuid4().hex)
    await app(scope, receive, send_and_close)
