"""The HTTP API as the command line sees it."""

import hashlib
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

__all__ = ["Client", "Document", "Refused", "Unreachable", "failure", "write_private"]

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


class Client:
    """The API at one address. Every method raises Unreachable or Refused.

    Args:
        base_url: of the API; for this machine a proxy is never asked.
    """

    def __init__(self, base_url: str) -> None:
        remote = urlsplit(base_url).hostname not in _LOOPBACK
        self.base_url = base_url
        self.http = httpx.AsyncClient(base_url=base_url, timeout=_SECONDS, trust_env=remote)

    async def __aenter__(self) -> Self:
        """Port of a context manager."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go of the connections."""
        await self.http.aclose()

    async def request(
        self,
        method: str,
        path: str,
        body: Document | None = None,
        headers: Mapping[str, str] | None = None,
        accept: Iterable[int] = (),
        *,
        seconds: float = _SECONDS,
    ) -> Document:
        """One call and its JSON answer; `accept` names errors whose body is an answer too."""
        try:
            answer = await self.http.request(
                method, path, json=body, headers=headers, timeout=seconds
            )
        except httpx.TransportError as error:
            raise self._unreachable(error) from None
        if answer.is_error and answer.status_code not in accept:
            raise failure(answer)
        found = _json(answer)
        return found if isinstance(found, dict) else {"items": found}

    async def pages(
        self, path: str, filters: Mapping[str, str], limit: int
    ) -> AsyncIterator[Document]:
        """Entries of a list, page by page, so many at most."""
        asked = {name: one for name, one in filters.items() if one}
        left = limit
        while left > 0:
            query = httpx.QueryParams({**asked, "limit": min(left, 100)})
            page = await self.request("GET", f"{path}?{query}")
            for item in page["items"]:
                left -= 1
                yield item
            if not page.get("next_cursor"):
                return
            asked["cursor"] = page["next_cursor"]

    async def text(self, path: str, asked: Mapping[str, str]) -> AsyncIterator[str]:
        """A text as it comes, without holding all of it."""
        async with self._stream(f"{path}?{httpx.QueryParams(asked)}") as answer:
            async for part in answer.aiter_text():
                yield part

    async def download(self, path: str, to: Path, sha256: str) -> None:
        """A file, whole and checked, or none.

        Raises:
            Refused: what came is not what was announced.
        """
        seen = hashlib.sha256()
        draft = to.with_name(f".{to.name}.part")
        try:
            async with self._stream(path) as answer:
                with draft.open("wb") as file:
                    async for block in answer.aiter_raw():
                        seen.update(block)
                        file.write(block)
            if seen.hexdigest() != sha256:
                raise Refused(f"{to.name} came damaged: its sha256 is another.", 502)
            draft.rename(to)
        except OSError as error:
            raise Refused(f"{to} cannot be written: {error.strerror}", 0) from None
        finally:
            draft.unlink(missing_ok=True)

    @asynccontextmanager
    async def _stream(self, path: str) -> AsyncIterator[httpx.Response]:
        try:
            async with self.http.stream("GET", path, follow_redirects=True) as answer:
                if answer.is_error:
                    await answer.aread()
                    raise failure(answer)
                yield answer
        except httpx.TransportError as error:
            raise self._unreachable(error) from None

    def _unreachable(self, error: Exception) -> Unreachable:
        return Unreachable(f"No API at {self.base_url}: {str(error) or type(error).__name__}")


def write_private(to: Path, text: str) -> None:
    """A file that only its owner can read, whole or not there.

    Raises:
        Refused: it cannot be written.
    """
    draft = to.with_name(f".{to.name}.part")
    try:
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600, exist_ok=False)
        draft.write_text(text)
        draft.rename(to)
    except OSError as error:
        raise Refused(f"{to} cannot be written: {error.strerror}", 0) from None
    finally:
        draft.unlink(missing_ok=True)


def failure(answer: httpx.Response) -> Refused:
    """A problem (RFC 9457) as sentences, its fields and the request's id."""
    found = _json(answer)
    problem: Document = found if isinstance(found, dict) else {}
    first = problem.get("detail") or problem.get("title") or answer.reason_phrase
    lines = [f"{first} ({problem.get('code') or answer.status_code})"]
    lines += [
        f"  {error.get('pointer')}: {error.get('message')}" for error in problem.get("errors") or []
    ]
    if next_step := problem.get("next_step"):
        lines.append(str(next_step))
    if number := problem.get("request_id"):
        lines.append(f"Request {number}")
    return Refused("\n".join(lines), answer.status_code)


def _json(answer: httpx.Response) -> object:
    try:
        return answer.json()
    except ValueError:
        return None
