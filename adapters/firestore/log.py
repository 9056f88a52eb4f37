"""The log in Firestore, where a customer's web client can listen to it.

`deployments/<id>/steps/<n>/chunks/<first line>` is made only where no such document is, so a
repeat makes no duplicate: chunks follow each other without a hole or an overlap because each
starts where the one before ended. `deployments/<id>/steps/<n>` gets the seal.
"""

import asyncio
import gzip
from collections.abc import AsyncIterator

from google.api_core.exceptions import AlreadyExists
from google.cloud import firestore
from google.cloud.firestore_v1.async_document import AsyncDocumentReference

from adapters.chunks import chunk_after, has_end_record
from adapters.firestore.client import Firestore, translated
from deployments.errors import LogGap
from deployments.events import EventChunk, EventId, Seal

__all__ = ["FirestoreLogSink", "FirestoreLogSource"]

# Listening is for the customers' web clients; a reader of ours looks this often.
_LOOK_SECONDS = 1.0
# Documents that one query may bring.
_MOST_CHUNKS = 8
_FOLLOW_BYTES = 1024 * 1024
_DESCENDING = firestore.Query.DESCENDING


class FirestoreLogSink:
    """Port `LogSink`."""

    name = "firestore"
    # A document may have 1 MiB. Packed, this and one longest line stay below half of it.
    chunk_bytes = 512 * 1024
    # A document takes about one write a second for long, and each write is paid for.
    gather_seconds = 1.0

    def __init__(self, store: Firestore) -> None:
        self._store = store
        self._held: dict[tuple[str, int], int] = {}

    async def generation(self) -> str:
        """Port `LogSink`; what was written stays."""
        return ""

    async def write(self, deployment: str, chunk: EventChunk) -> int:
        """Port `LogSink`."""
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
        # Only after an answer: what was asked without one may have been carried out.
        self._held[key] = held
        return held

    async def seal(self, deployment: str, seal: Seal) -> int:
        """Port `LogSink`."""
        document = _step(self._store, deployment, seal.step)
        with translated():
            held = await self._held_lines(document)
            if held == seal.lines + 1:
                content = {"end": str(seal.end), "lines": seal.lines, "sha256": seal.sha256}
                await document.set(content, merge=True, **self._store.limits)
        self._held.pop((deployment, seal.step), None)
        return held

    async def _held_lines(self, document: AsyncDocumentReference) -> int:
        query = document.collection("chunks").order_by("last", direction=_DESCENDING).limit(1)
        async for item in query.stream(**self._store.limits):
            return int(item.get("last"))
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
                # No time in it: the same chunk is the same bytes.
                "data": gzip.compress(chunk.data, compresslevel=6, mtime=0),
            },
        )
        await batch.commit(**self._store.limits)


class FirestoreLogSource:
    """Port `LogSource`."""

    name = "firestore"

    def __init__(self, store: Firestore) -> None:
        self._store = store

    def reading(self, deployment: str) -> str:
        """Port `LogSource`."""
        return self.name

    async def read(self, deployment: str, after: EventId, most_bytes: int) -> list[EventChunk]:
        """Port `LogSource`."""
        found: list[EventChunk] = []
        left = most_bytes
        with translated():
            for step in await self._numbers(deployment, after.step):
                line = after.line if step == after.step else 0
                ended = False
                while left > 0 and (chunks := await self._chunks(deployment, step, line)):
                    ended = has_end_record(chunks[-1].data)
                    found += chunks
                    left -= sum(len(chunk.data) for chunk in chunks)
                    line = chunks[-1].last
                if left <= 0 or not (ended or await self._has_ended(deployment, step, line)):
                    break
        return found

    async def follow(self, deployment: str, after: EventId) -> AsyncIterator[list[EventChunk]]:
        """Port `LogSource`."""
        while True:
            if chunks := await self.read(deployment, after, _FOLLOW_BYTES):
                after = chunks[-1].id
                yield chunks
            else:
                await asyncio.sleep(_LOOK_SECONDS)

    async def _numbers(self, deployment: str, start: int) -> list[int]:
        steps = self._store.deployment(deployment).collection("steps")
        found = steps.where(filter=firestore.FieldFilter("step", ">=", start)).order_by("step")
        return [int(item.get("step")) async for item in found.stream(**self._store.limits)]

    async def _chunks(self, deployment: str, step: int, line: int) -> list[EventChunk]:
        document = _step(self._store, deployment, step)
        query = (
            document.collection("chunks")
            .where(filter=firestore.FieldFilter("last", ">", line))
            .order_by("last")
            .limit(_MOST_CHUNKS)
        )
        chunks = []
        async for item in query.stream(**self._store.limits):
            content = item.to_dict() or {}
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
