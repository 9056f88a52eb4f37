"""Objects in one bucket: every call to Cloud Storage has its limit here, and no retry.

Google's default retry blocked 59.6 s although a timeout of 8 s was given (measured). Whoever calls
tries again by itself, and knows what a call that may have been carried out means.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import IO, ParamSpec, TypedDict, TypeVar

from google.api_core.client_options import ClientOptions
from google.api_core.exceptions import GoogleAPICallError, NotFound, PreconditionFailed
from google.auth.credentials import AnonymousCredentials, Signing
from google.auth.exceptions import GoogleAuthError
from google.cloud.storage import Blob, Client
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse

from adapters.thread_pool import ThreadPool
from deployments.artifacts import LINK_SECONDS
from deployments.errors import Unavailable

__all__ = ["AlreadyThere", "Objects", "open_objects", "translated"]

_Asked = ParamSpec("_Asked")
_Answer = TypeVar("_Answer")

_GOOGLE = "https://storage.googleapis.com"
# Of one call, the fetch of its token included. A chunk of 4 MiB takes a second on a slow line.
_SECONDS = 10.0
# Calls at once: in a worker one for each step that is shipped, in the API one for each reader.
_THREADS = 8
# A larger file goes up in pieces of this size, each a call of its own.
_PIECE_BYTES = 8 * 1024 * 1024


class AlreadyThere(Exception):
    """An object was to be made only where none is, and there is one."""


class _Limits(TypedDict):
    timeout: float
    retry: None


def open_objects(
    name: str, endpoint: str | None, project: str | None, seconds: float = _SECONDS
) -> "Objects":
    """A bucket; nothing is asked of the server.

    Args:
        name: of the bucket.
        endpoint: base URL of another server than Google's, which then needs no credentials.
        project: whose quota counts; None where the credentials say it.
        seconds: limit of one call.

    Raises:
        Unavailable: there are no credentials.
    """
    with translated():
        if endpoint is None:
            return Objects(Client(project=project), name, seconds=seconds)
        client = Client(
            project=project or "local",
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call] # not annotated
            client_options=ClientOptions(api_endpoint=endpoint),
        )
        return Objects(client, name, endpoint, seconds)


class Objects:
    """One bucket. Methods block, so they run in `threaded`, which also translates errors."""

    def __init__(
        self,
        client: Client,
        bucket: str,
        endpoint: str = _GOOGLE,
        seconds: float = _SECONDS,
    ) -> None:
        # For traces that nobody makes, version 3.17 asks for the bucket in a thread of its own,
        # with no limit of ours and a right that nobody else needs; None is "off" (measured).
        client._bucket_metadata_cache = None
        self._bucket = client.bucket(bucket)
        self._endpoint = endpoint.rstrip("/")
        self._limits: _Limits = {"timeout": seconds, "retry": None}
        self._threads = ThreadPool("gcs", _THREADS)

    async def threaded(
        self, work: Callable[_Asked, _Answer], *args: _Asked.args, **kwargs: _Asked.kwargs
    ) -> _Answer:
        """Run blocking work aside.

        Raises:
            Unavailable: Cloud Storage did not answer as it should.
        """
        with translated():
            return await self._threads.run(work, *args, **kwargs)

    def get(self, name: str) -> Blob | None:
        return self._bucket.get_blob(name, **self._limits)

    def entries(self, prefix: str) -> list[Blob]:
        """What begins so, in the order of names."""
        return list(self._bucket.list_blobs(prefix=prefix, **self._limits))

    def names(self, prefix: str, start: str) -> Iterator[str]:
        """Names alone, from `start` on."""
        found = self._bucket.list_blobs(
            prefix=prefix,
            start_offset=start,
            fields="items(name),nextPageToken",
            **self._limits,
        )
        return (blob.name for blob in found)

    def put(self, name: str, data: bytes, content_type: str) -> None:
        """Write over what is there."""
        self._bucket.blob(name).upload_from_string(data, content_type=content_type, **self._limits)

    def put_file(
        self, name: str, file: IO[bytes], content_type: str, metadata: Mapping[str, str]
    ) -> Blob:
        """Write a whole file over what is there; nobody sees it before all of it has come."""
        size = file.seek(0, os.SEEK_END)
        # Without pieces and of a known size it is one call, which can be lost once, not twice.
        pieces = _PIECE_BYTES if size > _PIECE_BYTES else None
        blob = self._bucket.blob(name, chunk_size=pieces)
        blob.metadata = dict(metadata)
        blob.upload_from_file(
            file, rewind=True, size=size, content_type=content_type, **self._limits
        )
        return blob

    def create(
        self, name: str, data: bytes, content_type: str, metadata: Mapping[str, str]
    ) -> None:
        """Make an object where none is.

        Raises:
            AlreadyThere: there is one.
        """
        blob = self._bucket.blob(name)
        blob.metadata = dict(metadata)
        try:
            blob.upload_from_string(
                data, content_type=content_type, if_generation_match=0, **self._limits
            )
        except PreconditionFailed:
            raise AlreadyThere(name) from None

    def compose(
        self, name: str, sources: Sequence[Blob], metadata: Mapping[str, str] | None = None
    ) -> Blob:
        """Make one object of others, exactly of those generations that were looked at.

        Raises:
            AlreadyThere: `metadata` is given and there is an object of this name; without it an
                object is written over, for it is only a step on the way.
        """
        blob = self._bucket.blob(name)
        blob.content_type = "application/gzip"
        blob.metadata = dict(metadata) if metadata else None
        try:
            blob.compose(
                sources,
                if_generation_match=0 if metadata else None,
                if_source_generation_match=[source.generation for source in sources],
                **self._limits,
            )
        except PreconditionFailed:
            raise AlreadyThere(name) from None
        return blob

    def read(self, name: str) -> bytes:
        return bytes(self._bucket.blob(name).download_as_bytes(**self._limits))

    def read_part(self, blob: Blob, start: int, end: int) -> bytes:
        """Bytes from `start` to before `end` of exactly this generation."""
        data = blob.download_as_bytes(
            start=start, end=end - 1, if_generation_match=blob.generation, **self._limits
        )
        return bytes(data)

    def signed_link(
        self, blob: Blob, credentials: Signing, content_type: str, disposition: str
    ) -> str:
        """A V4 link for GET alone, which gives the object as such a download."""
        return str(
            blob.generate_signed_url(
                version="v4",
                method="GET",
                expiration=timedelta(seconds=LINK_SECONDS),
                credentials=credentials,
                api_access_endpoint=self._endpoint,
                response_type=content_type,
                response_disposition=disposition,
            )
        )

    def remove(self, blob: Blob) -> None:
        """Remove exactly this generation; one that is gone is no error."""
        try:
            blob.delete(if_generation_match=blob.generation, **self._limits)
        except (NotFound, PreconditionFailed):
            return


@contextmanager
def translated() -> Iterator[None]:
    """Raise `Unavailable` for whatever the server, the credentials or the line refuse."""
    try:
        yield
    except (
        GoogleAPICallError,
        GoogleAuthError,
        InvalidResponse,
        DataCorruption,
        OSError,
    ) as error:
        raise Unavailable(f"Cloud Storage: {type(error).__name__}: {error}") from None
