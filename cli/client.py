"""The HTTP API as the command line sees it."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

__all__ = ["Document", "Refused", "Unreachable", "client", "failure", "items", "request"]

Document = dict[str, Any]

_SECONDS = 30.0
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class Unreachable(Exception):
    """Nobody answers at the API's address."""


class Refused(Exception):
    """The API answered with a problem; the text is for a person."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def client(base_url: str) -> httpx.AsyncClient:
    """A client; a proxy is never asked for this machine."""
    remote = urlsplit(base_url).hostname not in _LOOPBACK
    return httpx.AsyncClient(base_url=base_url, timeout=_SECONDS, trust_env=remote)


async def request(
    http: httpx.AsyncClient,
    method: str,
    path: str,
    body: Document | None = None,
    headers: Mapping[str, str] | None = None,
) -> Document:
    """One call and its JSON answer.

    Raises:
        Unreachable: no connection, or it broke.
        Refused: an answer of 400 or above.
    """
    try:
        answer = await http.request(method, path, json=body, headers=headers)
    except httpx.TransportError as error:
        raise Unreachable(
            f"No API at {http.base_url}: {str(error) or type(error).__name__}"
        ) from None
    if answer.is_error:
        raise failure(answer)
    found = _json(answer)
    return found if isinstance(found, dict) else {"items": found}


def failure(answer: httpx.Response) -> Refused:
    """A problem (RFC 9457) as sentences, its fields and the request's id."""
    found = _json(answer)
    problem: Document = found if isinstance(found, dict) else {}
    first = problem.get("detail") or problem.get("title") or answer.reason_phrase
    lines = [f"{first} ({problem.get('code') or answer.status_code})"]
    for one in problem.get("errors") or []:
        where = one.get("pointer") or one.get("field") or ""
        lines.append(f"  {where}: {one.get('message') or one.get('detail') or ''}")
    if advice := problem.get("advice"):
        lines.append(str(advice))
    if number := problem.get("request_id"):
        lines.append(f"Request {number}")
    return Refused("\n".join(lines), answer.status_code)


def items(page: Document) -> list[Document]:
    """The entries of a page."""
    return list(page.get("deployments") or page.get("items") or [])


def _json(answer: httpx.Response) -> object:
    try:
        return answer.json()
    except ValueError:
        return None
