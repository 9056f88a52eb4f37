"""Tokens for runs: the service's own, or those of a service account that it acts as."""

import asyncio
from datetime import UTC, datetime

from adapters.google.api import GoogleApi, RefusedByGoogle
from adapters.google.credentials import SCOPES, DefaultCredentials
from adapters.settings import GoogleSettings
from deployments.credentials import SERVICE, Credential
from deployments.errors import SignInExpired, Unavailable

__all__ = ["GoogleTokenProvider"]


class GoogleTokenProvider:
    """Ports `CredentialMint` and `CredentialSource`: what is checked is who will act.

    Args:
        own: the service's own identity.
        api: asks Google in that name.
        account: the service account to act as; None to act as oneself.
        seconds: how long a token of that account shall live.
    """

    def __init__(
        self, own: DefaultCredentials, api: GoogleApi, account: str | None, seconds: int
    ) -> None:
        self._own = own
        self._api = api
        self._account = account
        self._seconds = seconds
        self._renewing = asyncio.Lock()
        self._token = ""
        self._renew_at = 0.0

    @classmethod
    def open(cls, settings: GoogleSettings) -> "GoogleTokenProvider":
        """As the settings say; asks nobody yet."""
        own = DefaultCredentials()
        api = GoogleApi(own, settings.endpoint)
        return cls(own, api, settings.impersonate, settings.token_seconds)

    async def credential(self, reference: str) -> Credential:
        """Port `CredentialMint`."""
        if reference != SERVICE:
            raise SignInExpired("Nobody is known by this reference to a sign-in.")
        if self._account is None:
            return await self._own.credential()
        return await self._of(self._account)

    async def token(self) -> str:
        """Port `CredentialSource`."""
        async with self._renewing:
            now = asyncio.get_running_loop().time()
            if now >= self._renew_at:
                credential = await self.credential(SERVICE)
                # As terraform's own is renewed: at half of its life.
                self._token, self._renew_at = credential.token, now + credential.seconds / 2
            return self._token

    async def close(self) -> None:
        """Let the connections go."""
        await self._api.close()

    async def _of(self, account: str) -> Credential:
        """https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken."""
        clock = asyncio.get_running_loop().time
        asked_at = clock()
        path = f"v1/projects/-/serviceAccounts/{account}:generateAccessToken"
        body = {"scope": list(SCOPES), "lifetime": f"{self._seconds}s"}
        try:
            found = await self._api.post("iamcredentials", path, body)
            token, until = str(found["accessToken"]), _moment(found["expireTime"])
        except RefusedByGoogle as refused:
            raise SignInExpired(f"The service may not act as {account}: {refused}") from None
        except (KeyError, ValueError):
            raise Unavailable("iamcredentials.googleapis.com gave no token") from None
        left = (until - datetime.now(UTC)).total_seconds()
        # Two clocks: a token never lives longer than was asked for, by ours.
        return Credential(token, min(left, self._seconds - (clock() - asked_at)), account)


def _moment(text: object) -> datetime:
    return datetime.fromisoformat(str(text).replace("Z", "+00:00"))
