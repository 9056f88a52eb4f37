"""The log in Cloud Storage: compressed chunk objects, in the end one object a step.

`logs/<deployment>/<step>/<first line>.jsonl.gz`, made only where no such object is
(`ifGenerationMatch=0`). Chunks follow each other without a hole or an overlap because each starts
where the one before ended, and only one can start at a line; so a repeat, or a write that was
carried out while its answer got lost, makes no duplicate. Sealed, they are composed into
`logs/<deployment>/<step>.jsonl.gz`: gzip members side by side are one gzip file, and
`<step>.index.json` beside it says where each begins: a reader fetches what it needs.
"""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from google.cloud.storage import Blob

from adapters.chunks import chunk_after, has_end_record
from adapters.gcs.objects import ObjectExists, Objects
from deployments.errors import LogGap, Unavailable
from deployments.events import EventChunk, EventId, Seal

__all__ = ["GcsLogSink", "GcsLogSource"]

# https://cloud.google.com/storage/docs/composite-objects: sources of one compose request.
_MOST_SOURCES = 32
# Objects cannot tell of a change; who follows looks this often.
_LOOK_SECONDS = 1.0
_TYPE = "application/gzip"


class GcsLogSink:
    """Port `LogSink`."""

    name = "gcs"
    # An object costs the same whatever its size, and one name takes about one write a second.
    chunk_bytes = 4 * 1024 * 1024
    gather_seconds = 2.0

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._held: dict[str, int] = {}

    async def generation(self) -> str:
        """Port `LogSink`; what was written stays."""
        return ""

    async def write(self, deployment: str, chunk: EventChunk) -> int:
        """Port `LogSink`."""
        folder = _folder(deployment, chunk.step)
        return await self._objects.threaded(self._write, folder, chunk)

    async def seal(self, deployment: str, seal: Seal) -> int:
        """Port `LogSink`; composes the chunks into one object and removes them."""
        return await self._objects.threaded(self._seal, _folder(deployment, seal.step), seal)

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
        # Only after an answer: what was asked without one may have been carried out.
        self._held[folder] = held
        return held

    def _held_lines(self, folder: str) -> int:
        if whole := self._objects.get(_whole(folder)):
            return int(whole.metadata["last"])
        chunks = _chunks(self._objects, folder)
        return int(chunks[-1].metadata["last"]) if chunks else 0

    def _create(self, folder: str, chunk: EventChunk) -> None:
        # No time in it: the same chunk is the same bytes.
        packed = gzip.compress(chunk.data, compresslevel=1, mtime=0)
        lines = {"first": str(chunk.first), "last": str(chunk.last)}
        self._objects.create(f"{folder}/{chunk.first:010}.jsonl.gz", packed, _TYPE, lines)

    def _seal(self, folder: str, seal: Seal) -> int:
        chunks = _chunks(self._objects, folder)
        whole = self._objects.get(_whole(folder))
        self._held.pop(folder, None)
        held = int((whole or chunks[-1]).metadata["last"]) if whole or chunks else 0
        if held == seal.lines + 1:
            if whole is None:
                self._compose(folder, chunks, seal)
            for blob in (*chunks, *self._objects.entries(f"{folder}/parts/")):
                self._objects.remove(blob)
        return held

    def _compose(self, folder: str, chunks: Sequence[Blob], seal: Seal) -> None:
        parts = list(chunks)
        round_ = 0
        while len(parts) > _MOST_SOURCES:
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
        lines = {"first": "1", "last": str(seal.lines + 1)}
        seals = {"lines": str(seal.lines), "sha256": seal.sha256}
        # Another worker, or this one's request whose answer got lost, may have been there before.
        with suppress(ObjectExists):
            self._objects.compose(_whole(folder), parts, {**lines, **seals})
            return
        if self._objects.get(_whole(folder)) is None:
            raise Unavailable("Cloud Storage: chunks were changed while they were put together")


class GcsLogSource:
    """Port `LogSource`."""

    name = "gcs"

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def reading(self, deployment: str) -> str:
        """Port `LogSource`."""
        return self.name

    async def read(self, deployment: str, after: EventId, most_bytes: int) -> list[EventChunk]:
        """Port `LogSource`."""
        return await self._objects.threaded(self._read, deployment, after, most_bytes)

    async def follow(self, deployment: str, after: EventId) -> AsyncIterator[list[EventChunk]]:
        """Port `LogSource`."""
        while True:
            # All that one object holds, so that none is fetched twice.
            if chunks := await self.read(deployment, after, GcsLogSink.chunk_bytes):
                after = chunks[-1].id
                yield chunks
            else:
                await asyncio.sleep(_LOOK_SECONDS)

    def _read(self, deployment: str, after: EventId, most_bytes: int) -> list[EventChunk]:
        found: list[EventChunk] = []
        left = most_bytes
        for step in self._numbers(deployment, after.step):
            line = after.line if step == after.step else 0
            ended = False
            for member in self._members(deployment, step, line):
                if left <= 0:
                    return found
                if member.first > line + 1:
                    raise LogGap(f"Cloud Storage lacks line {line + 1} of step {step}")
                chunk = self._fetch(member, step)
                ended = has_end_record(chunk.data)
                if chunk.last > line:
                    found.append(chunk_after(chunk, line))
                    left -= len(found[-1].data)
                    line = chunk.last
            if not ended:
                break
        return found

    def _numbers(self, deployment: str, start: int) -> list[int]:
        names = self._objects.names(f"logs/{deployment}/", _folder(deployment, start))
        return sorted({int(name.split("/")[2][:10]) for name in names})

    def _fetch(self, member: "_Member", step: int) -> EventChunk:
        packed = self._objects.read_part(member.blob, member.start, member.end)
        return EventChunk(step, member.first, member.last, gzip.decompress(packed))

    def _members(self, deployment: str, step: int, line: int) -> list["_Member"]:
        """What holds lines behind a line, and the last one in any case."""
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
    """One gzip member: `first` and `last` are lines, `start` and `end` bytes of the object."""

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
    """Chunk objects in the order of their lines."""
    return objects.entries(f"{folder}/0")


def _groups(count: int) -> Iterator[tuple[int, int]]:
    return ((start, start + _MOST_SOURCES) for start in range(0, count, _MOST_SOURCES))
