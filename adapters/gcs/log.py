"""The log in Cloud Storage: compressed chunk objects, composed into a single object a step.

A chunk is `logs/<deployment>/<step>/<first line>.jsonl.gz`, created with `ifGenerationMatch=0`.
Each chunk starts after the last line of the chunk before, and a single object can start at a
line: chunks have no gap or overlap, and repeating a write whose response was lost makes no
duplicate. Sealing composes the chunks into `logs/<deployment>/<step>.jsonl.gz`: concatenated gzip
members are a gzip file, and `<step>.index.json` holds their lines and sizes for partial reads.
"""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from google.api_core.exceptions import NotFound
from google.cloud.storage import Blob

from adapters.gcs.objects import ObjectExists, Objects
from deployments.errors import LogGap, Unavailable
from deployments.events import (
    EndRecord,
    EventChunk,
    EventId,
    chunk_after,
    last_end_record,
    steps_in_order,
)

__all__ = ["GcsLogSink", "GcsLogSource"]

# https://cloud.google.com/storage/docs/composite-objects: sources of a compose request.
_MAX_SOURCES = 32
# Cloud Storage has no change notification for readers: a follower polls.
_POLL_SECONDS = 1.0
_TYPE = "application/gzip"


class GcsLogSink:
    """Creates chunk objects, and composes those of an ended step."""

    name = "gcs"
    # A request costs the same for any size, and an object name takes about 1 write/s.
    chunk_bytes = 4 * 1024 * 1024
    gather_seconds = 2.0

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._held: dict[str, int] = {}

    async def generation(self) -> str:
        """Constant: Cloud Storage loses no objects."""
        return ""

    async def write(self, deployment: str, chunk: EventChunk) -> int:
        folder = _folder(deployment, chunk.step)
        return await self._objects.threaded(self._write, folder, chunk)

    async def seal(self, deployment: str, record: EndRecord) -> int:
        """Compose the chunks into a single object and delete them, if all lines are there."""
        return await self._objects.threaded(self._seal, _folder(deployment, record.step), record)

    def _write(self, folder: str, chunk: EventChunk) -> int:
        held = self._held.pop(folder, None)
        if held is None:
            held = self._held_lines(folder)
        if chunk.first == held + 1:
            try:
                self._create(folder, chunk)
                held = chunk.last
            except ObjectExists:
                held = self._held_lines(folder)
        # Only after a response: a request without response may have been carried out.
        self._held[folder] = held
        return held

    def _held_lines(self, folder: str) -> int:
        # In this order: another worker may compose and delete the chunks between the requests.
        chunks = _chunks(self._objects, folder)
        last = self._objects.get(_whole(folder)) or (chunks[-1] if chunks else None)
        return int(last.metadata["last"]) if last else 0

    def _create(self, folder: str, chunk: EventChunk) -> None:
        # Without a time, equal chunks are equal bytes.
        packed = gzip.compress(chunk.data, compresslevel=1, mtime=0)
        lines = {"first": str(chunk.first), "last": str(chunk.last)}
        self._objects.create(f"{folder}/{chunk.first:010}.jsonl.gz", packed, _TYPE, lines)

    def _seal(self, folder: str, record: EndRecord) -> int:
        # In this order: another worker may compose and delete the chunks between the requests.
        chunks = _chunks(self._objects, folder)
        whole = self._objects.get(_whole(folder))
        self._held.pop(folder, None)
        held = int((whole or chunks[-1]).metadata["last"]) if whole or chunks else 0
        if held == record.id.line:
            if whole is None:
                self._compose(folder, chunks, record)
            for blob in (*chunks, *self._objects.entries(f"{folder}/parts/")):
                self._objects.remove(blob)
        return held

    def _compose(self, folder: str, chunks: Sequence[Blob], record: EndRecord) -> None:
        parts = list(chunks)
        round_ = 0
        while len(parts) > _MAX_SOURCES:
            round_ += 1
            parts = [
                self._objects.compose(f"{folder}/parts/{round_}-{start:010}", parts[start:end])
                for start, end in _groups(len(parts))
            ]
        members = [
            (int(chunk.metadata["first"]), int(chunk.metadata["last"]), chunk.size)
            for chunk in chunks
        ]
        self._objects.put(_index(folder), json.dumps(members).encode(), "application/json")
        lines = {"first": "1", "last": str(record.id.line)}
        sealed = {name: str(value) for name, value in record.fields.items()}
        # The object exists after a lost response, or when another worker composed first.
        with suppress(ObjectExists):
            self._objects.compose(_whole(folder), parts, {**lines, **sealed})
            return
        if self._objects.get(_whole(folder)) is None:
            raise Unavailable("Cloud Storage: the chunks changed while they were composed")


class GcsLogSource:
    """Reads chunk objects, or the gzip members of a composed object."""

    name = "gcs"
    label = "Cloud Storage"

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def reading(self, deployment: str) -> str:
        return self.name

    async def read(self, deployment: str, after: EventId, max_bytes: int) -> list[EventChunk]:
        return await self._objects.threaded(self._read, deployment, after, max_bytes)

    async def follow(self, deployment: str, after: EventId) -> AsyncIterator[list[EventChunk]]:
        while True:
            # A whole object at a time, so that no object is fetched twice.
            if chunks := await self.read(deployment, after, GcsLogSink.chunk_bytes):
                after = chunks[-1].id
                yield chunks
            else:
                await asyncio.sleep(_POLL_SECONDS)

    def _read(self, deployment: str, after: EventId, max_bytes: int) -> list[EventChunk]:
        """The chunks after an id, also while a worker composes their step and deletes them.

        Deleted chunks are in the composed object, which a second read finds.
        """
        try:
            return self._read_once(deployment, after, max_bytes)
        except (LogGap, NotFound):
            return self._read_once(deployment, after, max_bytes)

    def _read_once(self, deployment: str, after: EventId, max_bytes: int) -> list[EventChunk]:
        """Raises LogGap or NotFound for lines that are missing or were deleted meanwhile."""
        chunks: list[EventChunk] = []
        left = max_bytes
        for step in steps_in_order(self._numbers(deployment, after.step), after):
            line = after.line if step == after.step else 0
            ended = False
            for member in self._members(deployment, step, line):
                if left <= 0:
                    return chunks
                if member.first > line + 1:
                    raise LogGap(f"Cloud Storage lacks line {line + 1} of step {step}")
                chunk = self._fetch(member, step)
                ended = last_end_record(chunk.data) is not None
                if chunk.last > line:
                    chunks.append(chunk_after(chunk, line))
                    left -= len(chunks[-1].data)
                    line = chunk.last
            if not ended:
                break
        return chunks

    def _numbers(self, deployment: str, start: int) -> set[int]:
        names = self._objects.names(f"logs/{deployment}/", _folder(deployment, start))
        return {int(name.split("/")[2][:10]) for name in names}

    def _fetch(self, member: "_Member", step: int) -> EventChunk:
        packed = self._objects.read_part(member.blob, member.start, member.end)
        return EventChunk(step, member.first, member.last, gzip.decompress(packed))

    def _members(self, deployment: str, step: int, line: int) -> list["_Member"]:
        """The members with lines after `line`, and the last member in any case."""
        folder = _folder(deployment, step)
        if whole := self._objects.get(_whole(folder)):
            members = self._indexed(folder, whole)
        else:
            members = [
                _Member(
                    chunk, int(chunk.metadata["first"]), int(chunk.metadata["last"]), 0, chunk.size
                )
                for chunk in _chunks(self._objects, folder)
            ]
        if not members:
            raise LogGap(f"Cloud Storage lists step {step} and lacks its lines")
        return [member for member in members if member.last > line or member is members[-1]]

    def _indexed(self, folder: str, whole: Blob) -> list["_Member"]:
        members = []
        start = 0
        for first, last, size in json.loads(self._objects.read(_index(folder))):
            members.append(_Member(whole, first, last, start, start + size))
            start += size
        return members


@dataclass(frozen=True)
class _Member:
    """A gzip member: `first` and `last` are lines, `start` and `end` are byte offsets."""

    blob: Blob
    first: int
    last: int
    start: int
    end: int


def _folder(deployment: str, step: int) -> str:
    return f"logs/{deployment}/{step:010}"


def _whole(folder: str) -> str:
    return f"{folder}.jsonl.gz"


def _index(folder: str) -> str:
    return f"{folder}.index.json"


def _chunks(objects: Objects, folder: str) -> list[Blob]:
    """The chunk objects of a step, in the order of their lines."""
    return objects.entries(f"{folder}/0")


def _groups(count: int) -> Iterator[tuple[int, int]]:
    return ((start, start + _MAX_SOURCES) for start in range(0, count, _MAX_SOURCES))
