"""The log in Firestore, where a customer's web client can listen for changes.

A chunk is the document `deployments/<id>/steps/<n>/chunks/<first line>`, created only if absent.
Each chunk starts after the last line of the chunk before: chunks have no gap or overlap, and a
repeat makes no duplicate. `deployments/<id>/steps/<n>` holds the end record.
"""

import asyncio
import gzip
from collections.abc import AsyncIterator

from google.api_core.exceptions import AlreadyExists
from google.cloud import firestore
from google.cloud.firestore_v1.async_document import AsyncDocumentReference

from adapters.firestore.client import Firestore, translated
from deployments.errors import LogGap
from deployments.events import (
    EndRecord,
    EventChunk,
    EventId,
    chunk_after,
    last_end_record,
    steps_in_order,
)

__all__ = ["FirestoreLogSink", "FirestoreLogSource"]

# Listeners are for the web clients of customers; followers in the API poll.
_POLL_SECONDS = 1.0
# Limit of documents in a query.
_MAX_CHUNKS = 8
_FOLLOW_BYTES = 1024 * 1024
_DESCENDING = firestore.Query.DESCENDING


class FirestoreLogSink:
    """Creates a document for each chunk."""

    name = "firestore"
    # A document has at most 1 MiB; compressed, this size and a longest line need less than half.
    chunk_bytes = 512 * 1024
    # A document sustains about 1 write/s, and each write is billed.
    gather_seconds = 1.0

    def __init__(self, store: Firestore) -> None:
        self._store = store
        self._held: dict[tuple[str, int], int] = {}

    async def generation(self) -> str:
        """Constant: Firestore loses no documents."""
        return ""

    async def write(self, deployment: str, chunk: EventChunk) -> int:
        key = (deployment, chunk.step)
        document = _step(self._store, deployment, chunk.step)
        with translated():
            held = self._held.pop(key, None)
            if held is None:
                held = await self._held_lines(document)
            if chunk.first == held + 1:
                try:
                    await self._create(document, chunk)
                    held = chunk.last
                except AlreadyExists:
                    held = await self._held_lines(document)
        # Only after a response: a request without response may have been carried out.
        self._held[key] = held
        return held

    async def seal(self, deployment: str, record: EndRecord) -> int:
        document = _step(self._store, deployment, record.step)
        with translated():
            held = await self._held_lines(document)
            if held == record.id.line:
                await document.set(record.fields, merge=True, **self._store.limits)
        self._held.pop((deployment, record.step), None)
        return held

    async def _held_lines(self, document: AsyncDocumentReference) -> int:
        query = document.collection("chunks").order_by("last", direction=_DESCENDING).limit(1)
        async for snapshot in query.stream(**self._store.limits):
            return int(snapshot.get("last"))
        return 0

    async def _create(self, document: AsyncDocumentReference, chunk: EventChunk) -> None:
        batch = self._store.client.batch()
        if chunk.first == 1:
            batch.set(document, {"step": chunk.step}, merge=True)
        batch.create(
            document.collection("chunks").document(f"{chunk.first:010}"),
            {
                "first": chunk.first,
                "last": chunk.last,
                # Without a time, equal chunks are equal bytes.
                "data": gzip.compress(chunk.data, compresslevel=6, mtime=0),
            },
        )
        await batch.commit(**self._store.limits)


class FirestoreLogSource:
    """Reads chunk documents."""

    name = "firestore"
    label = "Firestore"

    def __init__(self, store: Firestore) -> None:
        self._store = store

    def reading(self, deployment: str) -> str:
        return self.name

    async def read(self, deployment: str, after: EventId, max_bytes: int) -> list[EventChunk]:
        chunks: list[EventChunk] = []
        left = max_bytes
        with translated():
            for step in steps_in_order(await self._numbers(deployment, after.step), after):
                line = after.line if step == after.step else 0
                ended = False
                while left > 0 and (batch := await self._chunks(deployment, step, line)):
                    ended = last_end_record(batch[-1].data) is not None
                    chunks += batch
                    left -= sum(len(chunk.data) for chunk in batch)
                    line = batch[-1].last
                if left <= 0 or not (ended or await self._has_ended(deployment, step, line)):
                    break
        return chunks

    async def follow(self, deployment: str, after: EventId) -> AsyncIterator[list[EventChunk]]:
        while True:
            if chunks := await self.read(deployment, after, _FOLLOW_BYTES):
                after = chunks[-1].id
                yield chunks
            else:
                await asyncio.sleep(_POLL_SECONDS)

    async def _numbers(self, deployment: str, start: int) -> list[int]:
        steps = self._store.deployment(deployment).collection("steps")
        query = steps.where(filter=firestore.FieldFilter("step", ">=", start)).order_by("step")
        return [int(document.get("step")) async for document in query.stream(**self._store.limits)]

    async def _chunks(self, deployment: str, step: int, line: int) -> list[EventChunk]:
        document = _step(self._store, deployment, step)
        query = (
            document.collection("chunks")
            .where(filter=firestore.FieldFilter("last", ">", line))
            .order_by("last")
            .limit(_MAX_CHUNKS)
        )
        chunks = []
        async for snapshot in query.stream(**self._store.limits):
            content = snapshot.to_dict() or {}
            if content["first"] > line + 1:
                raise LogGap(f"Firestore lacks line {line + 1} of step {step}")
            data = gzip.decompress(content["data"])
            chunk = EventChunk(step, content["first"], content["last"], data)
            chunks.append(chunk_after(chunk, line))
            line = chunk.last
        return chunks

    async def _has_ended(self, deployment: str, step: int, line: int) -> bool:
        document = _step(self._store, deployment, step)
        content = (await document.get(**self._store.limits)).to_dict() or {}
        return bool(content.get("lines") == line - 1)


def _step(store: Firestore, deployment: str, step: int) -> AsyncDocumentReference:
    steps = store.deployment(deployment).collection("steps")
    document: AsyncDocumentReference = steps.document(f"{step:010}")
    return document
