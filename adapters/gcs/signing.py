"""Signs download links with a service account's key file, or through IAM."""

import base64
from functools import cached_property, partial
from typing import Any

import google.auth
from google.auth.credentials import Credentials, Signing
from google.auth.transport.requests import AuthorizedSession, Request
from google.oauth2 import service_account

from deployments.errors import Unavailable

__all__ = ["IamSigning", "LinkSigner"]

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_IAM = "https://iamcredentials.googleapis.com"
# IAM usually answers within 1 s; a person waits for the link.
_TIMEOUT_SECONDS = 10.0


class LinkSigner:
    """Provides the service's signing credentials, loaded at the first link."""

    @cached_property
    def credentials(self) -> Signing:
        """The credentials; the first access blocks and raises Unavailable if they cannot sign."""
        credentials, _ = google.auth.default(scopes=[_SCOPE])
        if isinstance(credentials, service_account.Credentials):
            return credentials
        if not getattr(credentials, "service_account_email", ""):
            raise Unavailable(
                "Download links require a service account: set GOOGLE_APPLICATION_CREDENTIALS to a "
                "key file, or run on a machine with an attached service account."
            )
        return IamSigning(credentials)


class IamSigning(Signing):
    """Signs through IAM's `signBlob`; the account needs `iam.serviceAccounts.signBlob` on itself.

    The library's own implementation retries for two minutes without a timeout.
    """

    def __init__(self, credentials: Credentials, iam: str = _IAM) -> None:
        self._credentials: Any = credentials
        self._session = AuthorizedSession(credentials)  # type: ignore[no-untyped-call] # not annotated
        self._iam = iam

    @property
    def signer(self) -> None:
        """None: the key stays at Google."""
        return None

    @property
    def signer_email(self) -> str:
        """The account's address; the metadata server's `default` is resolved by a refresh."""
        if self._credentials.service_account_email == "default":
            self._credentials.refresh(partial(Request(), timeout=_TIMEOUT_SECONDS))
        return str(self._credentials.service_account_email)

    def sign_bytes(self, message: bytes) -> bytes:
        """Sign a message; blocks. Raises Unavailable when IAM refuses."""
        url = f"{self._iam}/v1/projects/-/serviceAccounts/{self.signer_email}:signBlob"
        payload = base64.b64encode(message).decode()
        response = self._session.post(url, json={"payload": payload}, timeout=_TIMEOUT_SECONDS)
        if response.status_code != 200:
            raise Unavailable(f"IAM refused to sign: {response.status_code} {response.text[:200]}")
        return base64.b64decode(response.json()["signedBlob"])
