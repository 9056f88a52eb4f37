"""Checks of host, origin and size before any route, and the request id."""

import ipaddress
import re
import uuid
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.middleware.strict_json import json_error
from api.problems import Problem, problem_response

__all__ = ["SAFE_METHODS", "RequestGuard", "is_loopback"]

# 100 variables of 4 kB have 0.4 MiB.
_MAX_BODY_BYTES = 1024 * 1024
# A browser with this service's single cookie sends 2 KiB; uvicorn's limit is 64 KiB per request.
_MAX_HEADER_BYTES = 16 * 1024
_MAX_HEADERS = 64
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_REQUEST_ID_HEADER = "X-Request-Id"
# Their bodies are not limited, so the application reads none.
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# On each answer: no browser guesses another type, no page of another origin embeds the answer, and
# no cache keeps what the answer shows, unless the route has a rule of its own.
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
# The ASGI messages that carry response headers, also of a refused or accepted WebSocket.
_STARTS = frozenset({"http.response.start", "websocket.http.response.start", "websocket.accept"})


def is_loopback(host: str) -> bool:
    """Whether a host name without port is a loopback address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class RequestGuard:
    """Outermost ASGI layer: refuses requests that a foreign web page can forge.

    Without sign-in every client of the API has all rights. A foreign name in `Host` is DNS
    rebinding; a foreign `Origin` with a changing method or a WebSocket is a forged request. With
    `json_only` a body is strict JSON.
    """

    def __init__(self, app: ASGIApp, *, json_only: bool = True) -> None:
        self._app = app
        self._json_only = json_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request with a problem, or pass it to the application."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = _request_id(headers)
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_headers(message: Message) -> None:
            if message["type"] in _STARTS:
                answered = MutableHeaders(scope=message)
                answered[_REQUEST_ID_HEADER] = request_id
                for name, value in _HEADERS.items():
                    answered.setdefault(name, value)
            await send(message)

        # A WebSocket counts as a changing method: browsers let any page open one to any host.
        method = scope.get("method", "WEBSOCKET")
        problem = _refusal(method, headers)
        if problem is None and method not in SAFE_METHODS and scope["type"] == "http":
            body = await _body(receive)
            if body is None:
                # The client has left, or was too slow: half a request is no request.
                return
            problem = body if isinstance(body, Problem) else self._body_refusal(body, headers)
            receive = _Replay(b"" if isinstance(body, Problem) else body, receive)
        if problem is not None:
            await problem_response(problem, request_id)(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)

    def _body_refusal(self, body: bytes, headers: Headers) -> Problem | None:
        if not body or not self._json_only:
            return None
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            return Problem("unsupported_media_type")
        detail = json_error(body)
        return Problem("invalid_json", detail) if detail else None


def _refusal(method: str, headers: Headers) -> Problem | None:
    host = headers.get("host", "")
    code = None
    size = sum(len(name) + len(value) for name, value in headers.raw)
    if len(headers) > _MAX_HEADERS or size > _MAX_HEADER_BYTES:
        code = "headers_too_large"
    elif not is_loopback(_without_port(host)):
        code = "host_not_allowed"
    elif method not in SAFE_METHODS:
        code = _change_refusal(host, headers)
    return Problem(code) if code else None


def _change_refusal(host: str, headers: Headers) -> str | None:
    origin = headers.get("origin")
    if origin is not None and origin.partition("://")[2] != host:
        return "origin_not_allowed"
    length = headers.get("content-length", "0")
    if length.isdecimal() and (len(length) > 12 or int(length) > _MAX_BODY_BYTES):
        return "body_too_large"
    return None


def _without_port(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _request_id(headers: Headers) -> str:
    request_id = headers.get(_REQUEST_ID_HEADER, "")
    return request_id if _REQUEST_ID.fullmatch(request_id) else uuid.uuid4().hex


async def _body(receive: Receive) -> bytes | Problem | None:
    """The whole body; None where the client does not send all of it."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if len(body) > _MAX_BODY_BYTES:
            return Problem("body_too_large")
        if not message.get("more_body", False):
            return bytes(body)


class _Replay:
    """An ASGI `receive` that returns the body that was read, then all further messages."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}
