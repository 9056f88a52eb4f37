"""The guard of Temporal's Web UI: an application that forwards.

The Web UI checks no Host and has no sign-in: a web page that reaches its port by DNS rebinding has
all rights of an operator. Requests pass here first (docs/adr/0034).
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import httpx
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from api.middleware.request_guard import SAFE_METHODS, RequestGuard
from api.problems import Problem, problem_response

__all__ = ["build"]

_log = logging.getLogger("anava.temporal_ui")

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
# Of a single connection, so never forwarded (RFC 9110, 7.6.1). httpx sets the length of a body.
_HOP_BY_HOP = frozenset(
    {
        *(
            "connection",
            "keep-alive",
            "proxy-authenticate",
            "proxy-authorization",
            "proxy-connection",
        ),
        *("te", "trailer", "transfer-encoding", "upgrade"),
    }
)
_OF_THE_REQUEST = _HOP_BY_HOP | {"host", "content-length", "origin", "referer"}
# The server of this process sends a date of its own.
_OF_THE_ANSWER = _HOP_BY_HOP | {"date"}
# The Web UI waits for new events in requests of 60 s.
_TIMEOUT = httpx.Timeout(5.0, read=70.0)


def build(upstream: str) -> Starlette:
    """An application that passes each request to the Web UI, if a page of its own sent it."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        # No variable of the environment leads the requests through a proxy.
        async with httpx.AsyncClient(trust_env=False) as client:
            app.state.client = client
            yield

    return Starlette(
        routes=[Route("/{path:path}", partial(_forward, httpx.URL(upstream)), methods=_METHODS)],
        # The pages of the Web UI send JSON as text/plain.
        middleware=[Middleware(RequestGuard, json_only=False)],
        lifespan=lifespan,
    )


async def _forward(upstream: httpx.URL, request: Request) -> Response:
    client: httpx.AsyncClient = request.app.state.client
    target = request.scope["raw_path"] or b"/"
    if query := request.scope["query_string"]:
        target += b"?" + query
    try:
        # Only path and query come from the request, so no request selects another server.
        outgoing = httpx.Request(
            request.method,
            upstream.copy_with(raw_path=target),
            headers=_end_to_end(request.headers.raw, _OF_THE_REQUEST),
            # `RequestGuard` limits the body of a changing method alone, so no other is read.
            content=None if request.method in SAFE_METHODS else await request.body(),
            extensions={"timeout": _TIMEOUT.as_dict()},
        )
    except httpx.InvalidURL:
        return _refusal(
            request, Problem("invalid_request", "The path of the request is not valid.")
        )
    try:
        answer = await client.send(outgoing, stream=True)
    except httpx.TransportError as error:
        _log.warning("the Web UI does not answer: %r", error)
        return _refusal(request, Problem("temporal_unavailable"))
    response = StreamingResponse(
        answer.aiter_raw(), answer.status_code, background=BackgroundTask(answer.aclose)
    )
    response.raw_headers = _end_to_end(answer.headers.raw, _OF_THE_ANSWER)
    return response


def _end_to_end(
    headers: list[tuple[bytes, bytes]], removed: frozenset[str]
) -> list[tuple[bytes, bytes]]:
    lowered = ((name.lower(), value) for name, value in headers)
    return [(name, value) for name, value in lowered if name.decode("latin-1") not in removed]


def _refusal(request: Request, problem: Problem) -> Response:
    return problem_response(problem, request.state.request_id)
