"""`deployments/<id>` in Firestore: what a customer's web client listens to.

`firestore.rules` lets it read the documents whose `owner` it is, and write none.
"""

from dataclasses import asdict

from adapters.firestore_client import Firestore, translated
from deployments.standing import Standing

__all__ = ["FirestoreStatusMirror"]


class FirestoreStatusMirror:
    """Port `StatusMirror`."""

    def __init__(self, store: Firestore) -> None:
        self._store = store

    async def write(self, standing: Standing) -> None:
        """Port `StatusMirror`."""
        content = {name: str(value) for name, value in asdict(standing).items() if name != "id"}
        with translated():
            await self._store.deployment(standing.id).set(content, **self._store.limits)
