"""Client of Google's HTTP APIs: addresses, authorization, timeouts, retries, errors."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx

from deployments.errors import Unavailable
from deployments.google_errors import GoogleError, read_details
from deployments.preflight import CredentialSource

__all__ = ["GoogleApi", "RefusedByGoogle"]

# Google's APIs answer within 1 s. After 10 s without an answer the endpoint is unreachable.
_TIMEOUT = httpx.Timeout(10.0, connect=5.0)
# Three attempts within 2 s; the caller decides about a longer outage.
_BACKOFF_SECONDS = (0.5, 1.5)
_RETRYABLE = frozenset({429, 500, 502, 503, 504})
# Limit against an endless list.
_MAX_PAGES = 50

_Json = dict[str, Any]


class RefusedByGoogle(Exception):
    """Google refused a request. Never leaves the adapters."""

    def __init__(self, error: GoogleError) -> None:
        super().__init__(error.message)
        self.error = error


class GoogleApi:
    """Sends requests with bearer tokens to Google's APIs, or to `endpoint` in their place."""

    def __init__(self, credentials: CredentialSource, endpoint: str | None = None) -> None:
        self._credentials = credentials
        self._endpoint = endpoint
        # Proxy and authorities are those of the process: `settings.apply_network`.
        self._client = httpx.AsyncClient(timeout=_TIMEOUT)

    async def get(self, service: str, path: str, **query: str | list[str]) -> _Json:
        """Read a resource.

        Args:
            service: the first label of the API's host, like `iam`.
            path: starts with the version; every part is quoted.
            query: parameters.

        Raises:
            RefusedByGoogle: Google refused the request.
            SignInExpired: no token is available.
            Unavailable: Google does not answer.
        """
        return await self._request("GET", service, path, query, None)

    async def post(self, service: str, path: str, body: Mapping[str, object]) -> _Json:
        """Call a custom method; raises as `get` does."""
        return await self._request("POST", service, path, {}, body)

    async def delete(self, service: str, path: str) -> _Json:
        """Delete a resource; raises as `get` does."""
        return await self._request("DELETE", service, path, {}, None)

    async def items(self, service: str, path: str, key: str, **query: str) -> AsyncIterator[_Json]:
        """Yield every item of a paged list; raises as `get` does."""
        for _ in range(_MAX_PAGES):
            page = await self.get(service, path, **query)
            for item in page.get(key) or ():
                yield item
            if not page.get("nextPageToken"):
                return
            query["pageToken"] = str(page["nextPageToken"])

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _request(
        self,
        method: str,
        service: str,
        path: str,
        query: Mapping[str, str | list[str]],
        body: Mapping[str, object] | None,
    ) -> _Json:
        url = f"{self._base(service)}/{path}"
        headers = {"Authorization": f"Bearer {await self._credentials.token()}"}
        for pause in (*_BACKOFF_SECONDS, None):
            try:
                response = await self._client.request(
                    method, url, params=query, json=body, headers=headers
                )
            except httpx.TransportError as error:
                if pause is None:
                    raise Unavailable(
                        f"{service}.googleapis.com does not answer: {error}"
                    ) from None
            else:
                if response.status_code not in _RETRYABLE:
                    return _parse(response)
                if pause is None:
                    raise Unavailable(
                        f"{service}.googleapis.com answered {response.status_code} three times"
                    )
            await asyncio.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _base(self, service: str) -> str:
        if self._endpoint is None:
            return f"https://{service}.googleapis.com"
        return f"{self._endpoint}/{service}"


def _parse(response: httpx.Response) -> _Json:
    try:
        content = response.json()
    except ValueError:
        content = None
    content = content if isinstance(content, dict) else {}
    if response.is_success:
        return content
    raise RefusedByGoogle(_error(response.status_code, content.get("error")))


def _error(status: int, error: object) -> GoogleError:
    """Like `google_errors.parse`, from a response body."""
    if not isinstance(error, dict):
        return GoogleError(status)
    reasons, values = read_details(error.get("details"))
    legacy = error.get("errors")
    reasons |= read_details(legacy)[0] if isinstance(legacy, list) else set()
    return GoogleError(status, frozenset(reasons), values, str(error.get("message", "")))
