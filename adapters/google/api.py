"""Google's HTTP APIs, asked in a person's name: one place for addresses, limits and refusals."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx

from deployments.errors import Unavailable
from deployments.google_errors import GoogleError, read_details
from deployments.preflight import CredentialSource

__all__ = ["GoogleApi", "RefusedByGoogle"]

# Google answers in well under a second; ten that nothing came from are nobody.
_TIMEOUT = httpx.Timeout(10.0, connect=5.0)
# Three tries within 2 s of pauses; what is down for longer is the caller's to decide.
_PAUSES_SECONDS = (0.5, 1.5)
_PASSING = frozenset({429, 500, 502, 503, 504})
# A list is read to its end, but not for ever.
_MOST_PAGES = 50

_Json = dict[str, Any]


class RefusedByGoogle(Exception):
    """Google said no. It never leaves the adapters."""

    def __init__(self, error: GoogleError) -> None:
        super().__init__(error.message)
        self.error = error


class GoogleApi:
    """Asks Google.

    Args:
        credentials: whose name is used.
        endpoint: a server that stands for all of Google's hosts; None for Google itself.
    """

    def __init__(self, credentials: CredentialSource, endpoint: str | None = None) -> None:
        self._credentials = credentials
        self._endpoint = endpoint
        self._client = httpx.AsyncClient(timeout=_TIMEOUT, trust_env=False)

    async def get(self, service: str, path: str, **query: str | list[str]) -> _Json:
        """One resource.

        Args:
            service: the first word of the API's host, like `iam`.
            path: with the version, every part quoted.
            query: parameters.

        Raises:
            RefusedByGoogle: it said no.
            SignInExpired: there is no token.
            Unavailable: it does not answer.
        """
        return await self._ask("GET", service, path, query, None)

    async def post(self, service: str, path: str, body: Mapping[str, object]) -> _Json:
        """A custom method; raises as `get` does."""
        return await self._ask("POST", service, path, {}, body)

    async def items(self, service: str, path: str, key: str, **query: str) -> AsyncIterator[_Json]:
        """Every item of a list, page by page; raises as `get` does."""
        for _ in range(_MOST_PAGES):
            page = await self.get(service, path, **query)
            for item in page.get(key) or ():
                yield item
            if not page.get("nextPageToken"):
                return
            query["pageToken"] = str(page["nextPageToken"])

    async def close(self) -> None:
        """Let the connections go."""
        await self._client.aclose()

    async def _ask(
        self,
        method: str,
        service: str,
        path: str,
        query: Mapping[str, str | list[str]],
        body: Mapping[str, object] | None,
    ) -> _Json:
        url = f"{self._base(service)}/{path}"
        headers = {"Authorization": f"Bearer {await self._credentials.token()}"}
        for pause in (*_PAUSES_SECONDS, None):
            try:
                answer = await self._client.request(
                    method, url, params=query, json=body, headers=headers
                )
            except httpx.TransportError as error:
                if pause is None:
                    raise Unavailable(
                        f"{service}.googleapis.com does not answer: {error}"
                    ) from None
            else:
                if answer.status_code not in _PASSING:
                    return _read(answer)
                if pause is None:
                    raise Unavailable(
                        f"{service}.googleapis.com answers {answer.status_code} again and again"
                    )
            await asyncio.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _base(self, service: str) -> str:
        if self._endpoint is None:
            return f"https://{service}.googleapis.com"
        return f"{self._endpoint}/{service}"


def _read(answer: httpx.Response) -> _Json:
    try:
        content = answer.json()
    except ValueError:
        content = None
    content = content if isinstance(content, dict) else {}
    if answer.is_success:
        return content
    raise RefusedByGoogle(_error(answer.status_code, content.get("error")))


def _error(status: int, error: object) -> GoogleError:
    """As `google_errors.parse`, from the answer itself."""
    if not isinstance(error, dict):
        return GoogleError(status)
    reasons, values = read_details(error.get("details"))
    older = error.get("errors")
    reasons |= read_details(older)[0] if isinstance(older, list) else set()
    return GoogleError(status, frozenset(reasons), values, str(error.get("message", "")))
