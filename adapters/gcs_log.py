"""The log in Cloud Storage: compressed chunk objects, in the end one object a segment.

`logs/<deployment>/<segment>/<first line>.jsonl.gz`, made only where no such object is
(`ifGenerationMatch=0`). Chunks follow each other without a hole or an overlap because each starts
where the one before ended, and only one can start at a line; so a repeat, or a write that was
carried out while its answer got lost, makes no duplicate. Sealed, they are composed into
`logs/<deployment>/<segment>.jsonl.gz`: gzip members side by side are one gzip file, and
`<segment>.index.json` beside it says where each begins: a reader fetches what it needs.
"""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from google.api_core.client_options import ClientOptions
from google.api_core.exceptions import GoogleAPICallError, NotFound, PreconditionFailed
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError
from google.cloud.storage import Blob, Bucket, Client

from adapters.chunks import has_end_record, on_from
from deployments.errors import LogGap, Unavailable
from deployments.events import EventChunk, EventId, Seal

__all__ = ["GcsLogSink", "GcsLogSource", "open_bucket"]

_Asked = ParamSpec("_Asked")
_Answer = TypeVar("_Answer")

# Google's default retry blocked 59.6 s although a timeout of 8 s was given (measured), so every
# call has `retry=None` and this; the shipper tries again by itself.
_SECONDS = 10.0
# https://cloud.google.com/storage/docs/composite-objects: sources of one compose request.
_MOST_SOURCES = 32
# Objects cannot tell of a change; who follows looks this often.
_LOOK_SECONDS = 1.0


def open_bucket(name: str, endpoint: str | None, project: str | None) -> Bucket:
    """A bucket; nothing is asked of the server.

    Args:
        name: of the bucket.
        endpoint: base URL of another server than Google's, which then needs no credentials.
        project: whose quota counts; None where the credentials say it.

    Raises:
        Unavailable: there are no credentials.
    """
    with _translated():
        if endpoint is None:
            return Client(project=project).bucket(name)
        client = Client(
            project=project or "local",
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call] # not annotated
            client_options=ClientOptions(api_endpoint=endpoint),
        )
        return client.bucket(name)


class GcsLogSink:
    """Port `LogSink`."""

    name = "gcs"
    # An object costs the same whatever its size, and one name takes about one write a second.
    chunk_bytes = 4 * 1024 * 1024
    gather_seconds = 2.0

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._held: dict[str, int] = {}

    async def write(self, deployment: str, chunk: EventChunk) -> int:
        """Port `LogSink`."""
        return await _threaded(self._write, _folder(deployment, chunk.segment), chunk)

    async def seal(self, deployment: str, seal: Seal) -> int:
        """Port `LogSink`; composes the chunks into one object and removes them."""
        return await _threaded(self._seal, _folder(deployment, seal.segment), seal)

    def _write(self, folder: str, chunk: EventChunk) -> int:
        held = self._held.pop(folder, None)
        if held is None:
            held = _held_lines(self._bucket, folder)
        if chunk.first == held + 1:
            try:
                self._create(folder, chunk)
                held = chunk.last
            except PreconditionFailed:
                held = _held_lines(self._bucket, folder)
        # Only after an answer: what was asked without one may have been carried out.
        self._held[folder] = held
        return held

    def _create(self, folder: str, chunk: EventChunk) -> None:
        blob = self._bucket.blob(f"{folder}/{chunk.first:010}.jsonl.gz")
        blob.metadata = {"first": str(chunk.first), "last": str(chunk.last)}
        blob.upload_from_string(
            # No time in it: the same chunk is the same bytes.
            gzip.compress(chunk.data, compresslevel=1, mtime=0),
            content_type="application/gzip",
            if_generation_match=0,
            timeout=_SECONDS,
            retry=None,
        )

    def _seal(self, folder: str, seal: Seal) -> int:
        chunks = _chunks(self._bucket, folder)
        whole = _whole(self._bucket, folder)
        self._held.pop(folder, None)
        held = int((whole or chunks[-1]).metadata["last"]) if whole or chunks else 0
        if held == seal.lines + 1:
            if whole is None:
                self._compose(folder, chunks, seal)
            for blob in chunks:
                _remove(blob)
        return held

    def _compose(self, folder: str, chunks: Sequence[Blob], seal: Seal) -> None:
        whole = self._bucket.blob(f"{folder}.jsonl.gz")
        whole.content_type = "application/gzip"
        whole.metadata = {
            "first": "1",
            "last": str(seal.lines + 1),
            "lines": str(seal.lines),
            "sha256": seal.sha256,
        }
        parts = list(chunks)
        round_ = 0
        while len(parts) > _MOST_SOURCES:
            round_ += 1
            parts = [
                self._part(f"{folder}/parts/{round_}-{start:010}", parts[start:end])
                for start, end in _groups(len(parts))
            ]
        self._write_index(folder, chunks)
        # Another worker, or this one's request whose answer got lost, may have been there before.
        with suppress(PreconditionFailed):
            whole.compose(parts, if_generation_match=0, timeout=_SECONDS, retry=None)
        for blob in self._bucket.list_blobs(
            prefix=f"{folder}/parts/", timeout=_SECONDS, retry=None
        ):
            _remove(blob)

    def _write_index(self, folder: str, chunks: Sequence[Blob]) -> None:
        members = [
            (int(one.metadata["first"]), int(one.metadata["last"]), one.size) for one in chunks
        ]
        self._bucket.blob(f"{folder}.index.json").upload_from_string(
            json.dumps(members), content_type="application/json", timeout=_SECONDS, retry=None
        )

    def _part(self, name: str, sources: Sequence[Blob]) -> Blob:
        part = self._bucket.blob(name)
        part.content_type = "application/gzip"
        part.compose(sources, timeout=_SECONDS, retry=None)
        return part


class GcsLogSource:
    """Port `LogSource`."""

    name = "gcs"

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def reading(self, deployment: str) -> str:
        """Port `LogSource`."""
        return self.name

    async def read(self, deployment: str, after: EventId, most_bytes: int) -> list[EventChunk]:
        """Port `LogSource`."""
        return await _threaded(self._read, deployment, after, most_bytes)

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
        for segment in self._numbers(deployment, after.segment):
            line = after.line if segment == after.segment else 0
            ended = False
            for member in self._members(deployment, segment, line):
                if left <= 0:
                    return found
                if member.first > line + 1:
                    raise LogGap(f"Cloud Storage lacks line {line + 1} of segment {segment}")
                chunk = member.fetch(segment)
                ended = has_end_record(chunk.data)
                if chunk.last > line:
                    found.append(on_from(chunk, line))
                    left -= len(found[-1].data)
                    line = chunk.last
            if not ended:
                break
        return found

    def _numbers(self, deployment: str, start: int) -> list[int]:
        names = self._bucket.list_blobs(
            prefix=f"logs/{deployment}/",
            start_offset=_folder(deployment, start),
            fields="items(name),nextPageToken",
            timeout=_SECONDS,
            retry=None,
        )
        return sorted({int(blob.name.split("/")[2][:10]) for blob in names})

    def _members(self, deployment: str, segment: int, line: int) -> list["_Member"]:
        """What holds lines behind a line, and the last one in any case."""
        folder = _folder(deployment, segment)
        if whole := _whole(self._bucket, folder):
            members = self._indexed(folder, whole)
        else:
            members = [
                _Member(one, int(one.metadata["first"]), int(one.metadata["last"]), 0, one.size)
                for one in _chunks(self._bucket, folder)
            ]
        return [one for one in members if one.last > line or one is members[-1]]

    def _indexed(self, folder: str, whole: Blob) -> list["_Member"]:
        index = self._bucket.blob(f"{folder}.index.json")
        members = []
        start = 0
        for first, last, size in json.loads(index.download_as_bytes(timeout=_SECONDS, retry=None)):
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

    def fetch(self, segment: int) -> EventChunk:
        packed = self.blob.download_as_bytes(
            start=self.start, end=self.end - 1, timeout=_SECONDS, retry=None
        )
        return EventChunk(segment, self.first, self.last, gzip.decompress(packed))


def _folder(deployment: str, segment: int) -> str:
    return f"logs/{deployment}/{segment:010}"


def _whole(bucket: Bucket, folder: str) -> Blob | None:
    return bucket.get_blob(f"{folder}.jsonl.gz", timeout=_SECONDS, retry=None)


def _chunks(bucket: Bucket, folder: str) -> list[Blob]:
    """Chunk objects in the order of their lines."""
    found = bucket.list_blobs(prefix=f"{folder}/0", timeout=_SECONDS, retry=None)
    return list(found)


def _held_lines(bucket: Bucket, folder: str) -> int:
    if whole := _whole(bucket, folder):
        return int(whole.metadata["last"])
    chunks = _chunks(bucket, folder)
    return int(chunks[-1].metadata["last"]) if chunks else 0


def _groups(count: int) -> Iterator[tuple[int, int]]:
    return ((start, start + _MOST_SOURCES) for start in range(0, count, _MOST_SOURCES))


def _remove(blob: Blob) -> None:
    try:
        blob.delete(timeout=_SECONDS, retry=None)
    except NotFound:
        return


async def _threaded(
    work: Callable[_Asked, _Answer], *args: _Asked.args, **kwargs: _Asked.kwargs
) -> _Answer:
    with _translated():
        return await asyncio.to_thread(work, *args, **kwargs)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (GoogleAPICallError, GoogleAuthError, OSError) as error:
        raise Unavailable(f"Cloud Storage: {type(error).__name__}: {error}") from None
