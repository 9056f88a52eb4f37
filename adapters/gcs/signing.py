"""Who signs download links: a key file here, or IAM where there is none."""

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
# IAM answers in a fraction of a second; a person waits for the link.
_SECONDS = 10.0


class LinkSigner:
    """The service's own identity, found when the first link is asked for."""

    @cached_property
    def credentials(self) -> Signing:
        """What signs; blocks.

        Raises:
            Unavailable: there are no credentials, or such as cannot sign.
        """
        found, _ = google.auth.default(scopes=[_SCOPE])
        if isinstance(found, service_account.Credentials):
            return found
        if not getattr(found, "service_account_email", ""):
            raise Unavailable(
                "Download links need the credentials of a service account: a key file named by "
                "GOOGLE_APPLICATION_CREDENTIALS, or a machine that has one."
            )
        return IamSigning(found)


class IamSigning(Signing):
    """Signs by IAM's `signBlob`; the account needs `iam.serviceAccounts.signBlob` on itself.

    The library could do it too, but tries again for two minutes without a limit.
    """

    def __init__(self, credentials: Credentials, iam: str = _IAM) -> None:
        self._credentials: Any = credentials
        self._session = AuthorizedSession(credentials)  # type: ignore[no-untyped-call] # not annotated
        self._iam = iam

    @property
    def signer(self) -> None:
        """Port `Signing`: the key never leaves Google."""
        return None

    @property
    def signer_email(self) -> str:
        """Port `Signing`; a machine knows it as `default` before it was asked once."""
        if self._credentials.service_account_email == "default":
            self._credentials.refresh(partial(Request(), timeout=_SECONDS))
        return str(self._credentials.service_account_email)

    def sign_bytes(self, message: bytes) -> bytes:
        """Port `Signing`."""
        url = f"{self._iam}/v1/projects/-/serviceAccounts/{self.signer_email}:signBlob"
        payload = base64.b64encode(message).decode()
        answer = self._session.post(url, json={"payload": payload}, timeout=_SECONDS)
        if answer.status_code != 200:
            raise Unavailable(f"IAM does not sign: {answer.status_code} {answer.text[:200]}")
        return base64.b64decode(answer.json()["signedBlob"])
