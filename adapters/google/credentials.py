"""The service's own Google credentials, from application default credentials."""

import asyncio
from datetime import UTC, datetime

import google.auth
import google.auth.exceptions
from google.auth.transport.requests import Request

from deployments.credentials import Credential
from deployments.errors import SignInExpired, Unavailable

__all__ = ["SCOPES", "DefaultCredentials"]

SCOPES = (
    "https://www.googleapis.com/auth/cloud-platform",
    "https://www.googleapis.com/auth/userinfo.email",
)
# For a token without an expiry; Google's tokens live for an hour.
_DEFAULT_SECONDS = 300.0


class DefaultCredentials:
    """Tokens of this machine's identity (`gcloud auth`, metadata server)."""

    def __init__(self) -> None:
        self._credentials: google.auth.credentials.Credentials | None = None
        self._refresh = asyncio.Lock()

    async def token(self) -> str:
        """Return a valid access token; raises as `credential` does."""
        return (await self.credential()).token

    async def credential(self) -> Credential:
        """Return a token and the remaining lifetime, refreshed minutes before expiry.

        Raises:
            SignInExpired: credentials are missing or no longer accepted.
            Unavailable: Google's sign-in does not answer.
        """
        async with self._refresh:
            return await asyncio.to_thread(self._credential)

    def _credential(self) -> Credential:
        try:
            if self._credentials is None:
                self._credentials, _ = google.auth.default(scopes=SCOPES)
            # `valid` becomes false minutes before expiry.
            if not self._credentials.valid:
                self._credentials.refresh(Request())  # type: ignore[no-untyped-call]  # google-auth is partly typed
        except google.auth.exceptions.TransportError as error:
            raise Unavailable(f"Google's sign-in does not answer: {error}") from None
        except google.auth.exceptions.GoogleAuthError as error:
            raise SignInExpired(f"Google credentials are missing or invalid: {error}") from None
        credentials = self._credentials
        email = str(getattr(credentials, "service_account_email", None) or "")
        # The name of the machine's account until the metadata server was queried.
        known = "" if email == "default" else email
        return Credential(str(credentials.token), _seconds_until(credentials.expiry), known)


def _seconds_until(expiry: datetime | None) -> float:
    """Remaining seconds; google-auth's times are UTC without a time zone."""
    if expiry is None:
        return _DEFAULT_SECONDS
    return (expiry.replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds()
