"""Client of the HTTP API."""

import hashlib
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

__all__ = ["ApiUnreachable", "Client", "CommandError", "Document", "failure", "write_private"]

Document = dict[str, Any]

_TIMEOUT_SECONDS = 30.0
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_PAGE_SIZE = 100


class ApiUnreachable(Exception):
    """The API's address does not answer."""


class CommandError(Exception):
    """A command cannot be carried out: the API's problem or a local file, as text for a person."""


class Client:
    """The API at an address. Every method raises ApiUnreachable or CommandError.

    Args:
        base_url: address of the API; calls to loopback bypass every proxy.
    """

    def __init__(self, base_url: str) -> None:
        remote = urlsplit(base_url).hostname not in _LOOPBACK
        self.base_url = base_url
        self.http = httpx.AsyncClient(base_url=base_url, timeout=_TIMEOUT_SECONDS, trust_env=remote)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        """Close the connections."""
        await self.http.aclose()

    async def request(
        self,
        method: str,
        path: str,
        body: Document | None = None,
        headers: Mapping[str, str] | None = None,
        accept: Iterable[int] = (),
        *,
        seconds: float = _TIMEOUT_SECONDS,
    ) -> Document:
        """Send a request and return the response's JSON object.

        `accept` lists error statuses whose body is returned, too; `seconds` limits the call.
        """
        try:
            response = await self.http.request(
                method, path, json=body, headers=headers, timeout=seconds
            )
        except httpx.TransportError as error:
            raise self._unreachable(error) from None
        if response.is_error and response.status_code not in accept:
            raise failure(response)
        return _json_object(response)

    async def pages(
        self, path: str, filters: Mapping[str, str], limit: int
    ) -> AsyncIterator[Document]:
        """Yield at most `limit` items of a list, page by page."""
        query = {name: value for name, value in filters.items() if value}
        left = limit
        while left > 0:
            parameters = httpx.QueryParams({**query, "limit": min(left, _PAGE_SIZE)})
            page = await self.request("GET", f"{path}?{parameters}")
            for item in page["items"]:
                left -= 1
                yield item
            if not page.get("next_cursor"):
                return
            query["cursor"] = page["next_cursor"]

    async def text(self, path: str, query: Mapping[str, str]) -> AsyncIterator[str]:
        """Yield a text in the parts in which the network delivers them."""
        async with self._stream(f"{path}?{httpx.QueryParams(query)}") as response:
            async for part in response.aiter_text():
                yield part

    async def download(self, path: str, to: Path, sha256: str) -> None:
        """Download a file whose sha256 is given; an error leaves no file.

        Raises:
            CommandError: the content has another sha256, or the file cannot be written.
        """
        digest = hashlib.sha256()
        async with self._stream(path) as response:
            with _atomic(to) as draft, draft.open("wb") as file:
                async for block in response.aiter_raw():
                    digest.update(block)
                    file.write(block)
                if digest.hexdigest() != sha256:
                    raise CommandError(f"The download of {to.name} is damaged: its sha256 differs.")

    @asynccontextmanager
    async def _stream(self, path: str) -> AsyncIterator[httpx.Response]:
        try:
            async with self.http.stream("GET", path, follow_redirects=True) as response:
                if response.is_error:
                    await response.aread()
                    raise failure(response)
                yield response
        except httpx.TransportError as error:
            raise self._unreachable(error) from None

    def _unreachable(self, error: Exception) -> ApiUnreachable:
        return ApiUnreachable(f"No API at {self.base_url}: {str(error) or type(error).__name__}")


def write_private(to: Path, text: str) -> None:
    """Write a file atomically, with mode 0600.

    Raises:
        CommandError: the file cannot be written.
    """
    with _atomic(to) as draft:
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600, exist_ok=False)
        draft.write_text(text)


@contextmanager
def _atomic(to: Path) -> Iterator[Path]:
    """A draft beside `to`, renamed to `to` at the end; an error removes the draft."""
    draft = to.with_name(f".{to.name}.part")
    try:
        yield draft
        draft.rename(to)
    except OSError as error:
        raise CommandError(f"{to} cannot be written: {error.strerror}") from None
    finally:
        draft.unlink(missing_ok=True)


def failure(response: httpx.Response) -> CommandError:
    """The error of a problem response (RFC 9457): sentences, fields and the request's id."""
    problem = _json_object(response)
    summary = problem.get("detail") or problem.get("title") or response.reason_phrase
    lines = [f"{summary} ({problem.get('code') or response.status_code})"]
    lines += [
        f"  {error.get('pointer')}: {error.get('message')}" for error in problem.get("errors") or []
    ]
    if next_step := problem.get("next_step"):
        lines.append(str(next_step))
    if request_id := problem.get("request_id"):
        lines.append(f"Request {request_id}")
    return CommandError("\n".join(lines))


def _json_object(response: httpx.Response) -> Document:
    """The JSON object of a body; empty where the body is anything else."""
    try:
        content = response.json()
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
