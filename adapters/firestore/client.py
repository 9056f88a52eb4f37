"""Firestore with a limit on every call, and no retry.

Google's default retry blocked 59.6 s although a timeout of 8 s was given (measured). Whoever calls
tries again by itself, and knows what a call that may have been carried out means.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypedDict

from google.api_core.exceptions import GoogleAPICallError
from google.auth.exceptions import GoogleAuthError
from google.cloud import firestore
from google.cloud.firestore_v1.async_document import AsyncDocumentReference

from deployments.errors import Unavailable

__all__ = ["Firestore", "open_firestore", "translated"]

# Of one call; a stream of answers is one call.
_SECONDS = 10.0


class _Limits(TypedDict):
    timeout: float
    retry: None


def _usual() -> _Limits:
    return {"timeout": _SECONDS, "retry": None}


@dataclass(frozen=True)
class Firestore:
    """A client, and the limits that every call of it gets."""

    client: firestore.AsyncClient
    limits: _Limits = field(default_factory=_usual)

    def deployment(self, deployment: str) -> AsyncDocumentReference:
        """The document of a deployment; below it is its log."""
        found: AsyncDocumentReference = self.client.collection("deployments").document(deployment)
        return found


def open_firestore(project: str | None, seconds: float = _SECONDS) -> Firestore:
    """A client; `FIRESTORE_EMULATOR_HOST` is read by Google's library itself.

    Args:
        project: None where the credentials say it.
        seconds: limit of one call.

    Raises:
        Unavailable: there are no credentials or no project.
    """
    with translated():
        client = firestore.AsyncClient(project=project)
        return Firestore(client, {"timeout": seconds, "retry": None})


@contextmanager
def translated() -> Iterator[None]:
    """Errors of Google's libraries as ours."""
    try:
        yield
    except (GoogleAPICallError, GoogleAuthError, OSError) as error:
        raise Unavailable(f"Firestore: {type(error).__name__}: {error}") from None
