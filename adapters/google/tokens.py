"""Tokens for runs: of the service's own identity or of an impersonated service account."""

import asyncio
from datetime import UTC, datetime

from adapters.google.api import GoogleApi, RefusedByGoogle
from adapters.google.credentials import SCOPES, DefaultCredentials
from adapters.settings import GoogleSettings
from deployments.credentials import SERVICE, Credential
from deployments.errors import SignInExpired, Unavailable

__all__ = ["GoogleTokenProvider"]


class GoogleTokenProvider:
    """Provides tokens for preflight and terraform, both for the same identity.

    Args:
        own: the service's own identity, which `api` has.
        api: exchanges tokens.
        account: the service account to impersonate; None for the own identity.
        seconds: requested lifetime of the account's tokens.
    """

    def __init__(
        self, own: DefaultCredentials, api: GoogleApi, account: str | None, seconds: int
    ) -> None:
        self._own = own
        self._api = api
        self._account = account
        self._seconds = seconds
        self._refresh = asyncio.Lock()
        self._token = ""
        self._refresh_at = 0.0

    @classmethod
    def open(cls, settings: GoogleSettings) -> "GoogleTokenProvider":
        """Construct from the settings, without any request."""
        own = DefaultCredentials()
        api = GoogleApi(own, settings.endpoint)
        return cls(own, api, settings.impersonate, settings.token_seconds)

    async def credential(self, reference: str) -> Credential:
        """Return a credential for terraform's provider; raises SignInExpired, Unavailable."""
        if reference != SERVICE:
            raise SignInExpired("The reference to a sign-in is unknown.")
        if self._account is None:
            return await self._own.credential()
        return await self._impersonate(self._account)

    async def token(self) -> str:
        """Return a token, cached for half its lifetime like terraform's; raises as `credential`."""
        async with self._refresh:
            now = asyncio.get_running_loop().time()
            if now >= self._refresh_at:
                credential = await self.credential(SERVICE)
                self._token, self._refresh_at = credential.token, now + credential.seconds / 2
            return self._token

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def _impersonate(self, account: str) -> Credential:
        """https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken."""
        clock = asyncio.get_running_loop().time
        requested_at = clock()
        path = f"v1/projects/-/serviceAccounts/{account}:generateAccessToken"
        body = {"scope": list(SCOPES), "lifetime": f"{self._seconds}s"}
        try:
            response = await self._api.post("iamcredentials", path, body)
            token, expiry = str(response["accessToken"]), _datetime(response["expireTime"])
        except RefusedByGoogle as refused:
            raise SignInExpired(f"The service may not act as {account}: {refused}") from None
        except (KeyError, ValueError):
            raise Unavailable("iamcredentials.googleapis.com returned no token") from None
        left = (expiry - datetime.now(UTC)).total_seconds()
        # Clocks may differ: a token never outlives the requested lifetime by the local clock.
        return Credential(token, min(left, self._seconds - (clock() - requested_at)), account)


def _datetime(text: object) -> datetime:
    return datetime.fromisoformat(str(text).replace("Z", "+00:00"))
