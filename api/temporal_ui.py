"""The guard of Temporal's Web UI: started by `anava temporal-ui`.

The Web UI checks no Host and has no sign-in: a web page that reaches its port by DNS rebinding has
all rights of an operator. Requests pass here first (docs/adr/0035).
"""

import asyncio
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

from adapters.process_exit import run_and_exit
from adapters.process_protection import protect_process
from adapters.service_log import configure_log
from adapters.settings import Settings, forget_secrets, load
from api.middleware.request_guard import RequestGuard
from api.problems import Problem, problem_response
from api.server import Server, check_host
from deployments.errors import AnavaError, InvalidSettings

__all__ = ["build", "main", "run"]

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
            content=await request.body(),
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


async def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        InvalidSettings: the Web UI has no address, or the host is not allowed.
    """
    upstream = settings.temporal_ui.upstream
    if upstream is None:
        raise InvalidSettings("ANAVA_TEMPORAL_UI__UPSTREAM names no address of Temporal's Web UI")
    check_host(settings.api)
    forget_secrets()
    app = build(upstream)
    await Server(app, settings.api.host, settings.temporal_ui.port, asyncio.Event()).serve()


def main() -> int:
    """Serve until SIGTERM or SIGINT; returns the process's exit status, 1 after an error."""
    protect_process()
    configure_log()
    # A line per request, with the address of the Web UI.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        asyncio.run(run(load()))
    except AnavaError as error:
        _log.error("%s %s", error, error.next_step)
        return 1
    return 0


if __name__ == "__main__":
    run_and_exit(main)
