"""The service's own Google credentials, as Google's libraries find them."""

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
# Where a token says nothing of its end; Google's live for an hour.
_UNKNOWN_SECONDS = 300.0


class DefaultCredentials:
    """Port `CredentialSource`: whoever this machine is signed in as (`gcloud auth`, metadata)."""

    def __init__(self) -> None:
        self._credentials: google.auth.credentials.Credentials | None = None
        self._renewing = asyncio.Lock()

    async def token(self) -> str:
        """Port `CredentialSource`."""
        return (await self.credential()).token

    async def credential(self) -> Credential:
        """The token with what is left of its life, some minutes at least where Google gives so.

        Raises:
            SignInExpired: nobody is signed in here, or not any more.
            Unavailable: Google's sign-in does not answer.
        """
        async with self._renewing:
            return await asyncio.to_thread(self._credential)

    def _credential(self) -> Credential:
        try:
            if self._credentials is None:
                self._credentials, _ = google.auth.default(scopes=SCOPES)
            # `valid` turns false minutes before the token's end.
            if not self._credentials.valid:
                self._credentials.refresh(Request())  # type: ignore[no-untyped-call]  # google-auth types half of itself
        except google.auth.exceptions.TransportError as error:
            raise Unavailable(f"Google's sign-in does not answer: {error}") from None
        except google.auth.exceptions.GoogleAuthError as error:
            raise SignInExpired(f"There are no Google credentials: {error}") from None
        found = self._credentials
        email = str(getattr(found, "service_account_email", None) or "")
        # A machine's own account is called so until it was asked.
        known = "" if email == "default" else email
        return Credential(str(found.token), _left(found.expiry), known)


def _left(expiry: datetime | None) -> float:
    """Seconds; google-auth's times are UTC and do not say so."""
    if expiry is None:
        return _UNKNOWN_SECONDS
    return (expiry.replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds()
