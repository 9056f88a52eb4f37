"""A Firestore client with a time limit on every call and without retries.

Google's default retry blocked for 59.6 s although the timeout was 8 s (measured). The callers
retry themselves, because only they can judge a call that may have been carried out.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypedDict

from google.api_core.exceptions import GoogleAPICallError
from google.auth.exceptions import GoogleAuthError
from google.cloud import firestore
from google.cloud.firestore_v1.async_document import AsyncDocumentReference

from deployments.errors import Unavailable

__all__ = ["Firestore", "open_firestore", "translated"]

# Of a call; a streamed answer is part of the call.
_TIMEOUT_SECONDS = 10.0


class _Limits(TypedDict):
    timeout: float
    retry: None


@dataclass(frozen=True)
class Firestore:
    """A client, and the keyword arguments that limit each call."""

    client: firestore.AsyncClient
    limits: _Limits

    def deployment(self, deployment: str) -> AsyncDocumentReference:
        """The status document of a deployment; the log is in subcollections."""
        document: AsyncDocumentReference = self.client.collection("deployments").document(
            deployment
        )
        return document


def open_firestore(project: str | None, seconds: float = _TIMEOUT_SECONDS) -> Firestore:
    """Create a client; Google's library reads `FIRESTORE_EMULATOR_HOST`.

    Args:
        project: None for the project of the credentials.
        seconds: time limit of a call.

    Raises:
        Unavailable: there are no credentials or no project.
    """
    with translated():
        client = firestore.AsyncClient(project=project)
        return Firestore(client, {"timeout": seconds, "retry": None})


@contextmanager
def translated() -> Iterator[None]:
    """Raise the errors of Google's libraries as `Unavailable`."""
    try:
        yield
    except (GoogleAPICallError, GoogleAuthError, OSError) as error:
        raise Unavailable(f"Firestore: {type(error).__name__}: {error}") from None
