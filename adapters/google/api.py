"""Client of Google's HTTP APIs: addresses, authorization, timeouts, retries, errors."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx

from deployments.errors import Unavailable
from deployments.google_errors import GoogleError, read_details, with_consumer
from deployments.preflight import CredentialSource

__all__ = ["GoogleApi", "RefusedByGoogle", "disabled_consumer"]

# Google's APIs answer within 1 s. After 10 s without an answer the endpoint is unreachable.
_TIMEOUT = httpx.Timeout(10.0, connect=5.0)
# Three attempts within 2 s; the caller decides about a longer outage.
_BACKOFF_SECONDS = (0.5, 1.5)
_RETRYABLE = frozenset({429, 500, 502, 503, 504})
# Limit against an endless list.
_MAX_PAGES = 50

# APIs that respond about a project in which the API itself is disabled.
_ABOUT_PROJECTS = frozenset({"cloudbilling", "cloudresourcemanager", "orgpolicy", "serviceusage"})
_DISABLED = frozenset({"SERVICE_DISABLED", "accessNotConfigured"})
# The caller may not use the project's quota (`serviceusage.services.use`), or the project is
# unknown: https://github.com/googleapis/googleapis/blob/master/google/api/error_reason.proto
_NO_CONSUMER = frozenset({"CONSUMER_INVALID", "USER_PROJECT_DENIED"})
_PROJECT = re.compile(r"[\w.:-]{1,100}", re.ASCII)

_Json = dict[str, Any]


class RefusedByGoogle(Exception):
    """Google refused a request. Never leaves the adapters."""

    def __init__(self, error: GoogleError, quota_project: str = "") -> None:
        super().__init__(error.message)
        self.error = error
        # The project against which the request counted; empty for the credential's own.
        self.quota_project = quota_project


class GoogleApi:
    """Sends requests with bearer tokens to Google's APIs, or to `endpoint` in their place.

    Requests count against the quota of the credential's own project, those of `of_project` against
    a customer's project: https://cloud.google.com/docs/quotas/set-quota-project.
    """

    def __init__(
        self,
        credentials: CredentialSource,
        endpoint: str | None = None,
        client: httpx.AsyncClient | None = None,
        quota_project: str = "",
    ) -> None:
        self._credentials = credentials
        self._endpoint = endpoint
        # Proxy and authorities are those of the process: `settings.apply_network`.
        self._client = client or httpx.AsyncClient(timeout=_TIMEOUT)
        self._quota_project = quota_project if _PROJECT.fullmatch(quota_project) else ""
        # Services that answered only without the customer's project.
        self._without_quota_project: set[str] = set()
        self._number = ""

    def of_project(self, project: str) -> "GoogleApi":
        """The same API, whose requests count against a customer's project where possible."""
        return GoogleApi(self._credentials, self._endpoint, self._client, project)

    async def is_disabled_in_project(self, refused: RefusedByGoogle) -> bool:
        """Whether the API is disabled in the customer's project, not in the credential's own.

        Raises:
            Unavailable: Google does not answer.
        """
        consumer = disabled_consumer(refused.error)
        if not consumer or not self._quota_project:
            return False
        if consumer == self._quota_project:
            return True
        number = await self._project_number()
        # Without the number, Google's rule decides: the named quota project is the consumer.
        return consumer == number if number else bool(refused.quota_project)

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
        """Send a request for the customer's project; without this project where that is refused."""
        quota_project = "" if service in self._without_quota_project else self._quota_project
        try:
            return await self._attempts(method, service, path, query, body, quota_project)
        except RefusedByGoogle as refused:
            if not quota_project or not _is_about_consumer(service, refused.error):
                raise
            first = refused
        try:
            response = await self._attempts(method, service, path, query, body, "")
        except RefusedByGoogle as second:
            # Disabled in both projects: the customer's is the project that the customer can change.
            both = disabled_consumer(first.error) and disabled_consumer(second.error)
            raise (first if both else second) from None
        self._without_quota_project.add(service)
        return response

    async def _project_number(self) -> str:
        """The number of the customer's project; empty where it may not be read."""
        if not self._number:
            try:
                path = f"v3/projects/{self._quota_project}"
                project = await self.get("cloudresourcemanager", path)
            except RefusedByGoogle:
                return ""
            self._number = str(project.get("name", "")).removeprefix("projects/")
        return self._number

    async def _attempts(
        self,
        method: str,
        service: str,
        path: str,
        query: Mapping[str, str | list[str]],
        body: Mapping[str, object] | None,
        quota_project: str,
    ) -> _Json:
        url = f"{self._base(service)}/{path}"
        headers = {"Authorization": f"Bearer {await self._credentials.token()}"}
        if quota_project:
            headers["X-Goog-User-Project"] = quota_project
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
                    return _parse(response, quota_project)
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


def disabled_consumer(error: GoogleError) -> str:
    """Id or number of the project in which the API is disabled; empty for other refusals."""
    return "" if error.reasons.isdisjoint(_DISABLED) else error.values.get("project", "")


def _is_about_consumer(service: str, error: GoogleError) -> bool:
    """Whether a refusal is about the project that a request counts against, not its content."""
    if not error.reasons.isdisjoint(_NO_CONSUMER):
        return True
    return service in _ABOUT_PROJECTS and bool(disabled_consumer(error))


def _parse(response: httpx.Response, quota_project: str) -> _Json:
    try:
        content = response.json()
    except ValueError:
        content = None
    content = content if isinstance(content, dict) else {}
    if response.is_success:
        return content
    raise RefusedByGoogle(_error(response.status_code, content.get("error")), quota_project)


def _error(status: int, error: object) -> GoogleError:
    """Like `google_errors.parse`, from a response body."""
    if not isinstance(error, dict):
        return GoogleError(status)
    reasons, values = read_details(error.get("details"))
    legacy = error.get("errors")
    reasons |= read_details(legacy)[0] if isinstance(legacy, list) else set()
    message = str(error.get("message", ""))
    return GoogleError(status, frozenset(reasons), with_consumer(values, message), message)
