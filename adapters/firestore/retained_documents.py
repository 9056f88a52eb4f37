"""Status documents in Firestore, with the logs below them, whose retention ends."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime

from google.cloud.firestore_v1.async_collection import AsyncCollectionReference
from google.cloud.firestore_v1.async_document import AsyncDocumentReference

from adapters.firestore.client import Firestore, translated
from deployments.deployment import Status
from deployments.deployment_id import is_deployment_id
from deployments.retention import Facts, RetainReason, Stored

__all__ = ["RetainedDocuments"]

# Firestore's limit of a batch.
_MAX_WRITES = 500
_FIELDS = ("stack", "status", "ended_at")


class RetainedDocuments:
    """The document `deployments/<id>` and the log below; the bytes are not counted."""

    def __init__(self, store: Firestore) -> None:
        self._store = store

    async def entries(self, _: float = math.inf, /) -> Sequence[Stored]:
        """All deployments with a status document."""
        query = self._store.client.collection("deployments").select(_FIELDS)
        with translated():
            return [
                _stored(snapshot.id, snapshot.to_dict() or {})
                async for snapshot in query.stream(**self._store.limits)
                if is_deployment_id(snapshot.id)
            ]

    async def remove(self, stored: Stored) -> bool:
        """Delete the log, then the document, so that a part is found again."""
        document = self._store.deployment(stored.id)
        with translated():
            steps = document.collection("steps")
            async for step in steps.select([]).stream(**self._store.limits):
                await self._empty(step.reference.collection("chunks"))
            await self._empty(steps)
            await document.delete(**self._store.limits)
        return True

    async def _empty(self, collection: AsyncCollectionReference) -> None:
        while True:
            query = collection.select([]).limit(_MAX_WRITES)
            references: list[AsyncDocumentReference] = [
                snapshot.reference async for snapshot in query.stream(**self._store.limits)
            ]
            if not references:
                return
            batch = self._store.client.batch()
            for reference in references:
                batch.delete(reference)
            await batch.commit(**self._store.limits)


def _stored(deployment: str, content: Mapping[str, object]) -> Stored:
    facts = Facts(str(content.get("stack", "")), content.get("status") == Status.COMPLETED)
    try:
        ended_at = datetime.fromisoformat(str(content.get("ended_at"))).timestamp()
    except ValueError:
        return Stored(deployment, 0.0, 0, RetainReason.OPEN, facts)
    return Stored(deployment, ended_at, 0, None, facts)
