"""The service's own Google credentials, as Google's libraries find them."""

import asyncio

import google.auth
import google.auth.exceptions
from google.auth.transport.requests import Request

from deployments.errors import SignInExpired, Unavailable

__all__ = ["DefaultCredentials"]

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)


class DefaultCredentials:
    """Port `CredentialSource`: whoever this machine is signed in as (`gcloud auth`, metadata)."""

    def __init__(self) -> None:
        self._credentials: google.auth.credentials.Credentials | None = None
        self._renewing = asyncio.Lock()

    async def token(self) -> str:
        """Port `CredentialSource`."""
        async with self._renewing:
            return await asyncio.to_thread(self._token)

    def _token(self) -> str:
        try:
            if self._credentials is None:
                self._credentials, _ = google.auth.default(scopes=_SCOPES)
            # `valid` turns false minutes before the token's end.
            if not self._credentials.valid:
                self._credentials.refresh(Request())  # type: ignore[no-untyped-call]  # google-auth types half of itself
        except google.auth.exceptions.TransportError as error:
            raise Unavailable(f"Google's sign-in does not answer: {error}") from None
        except google.auth.exceptions.GoogleAuthError as error:
            raise SignInExpired(f"There are no Google credentials: {error}") from None
        return str(self._credentials.token)
