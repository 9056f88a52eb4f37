"""Objects in a bucket: every call to Cloud Storage has a timeout and no retry.

Google's default retry blocked 59.6 s although a timeout of 8 s was set (measured). The caller
retries, and handles calls of which the outcome is unknown.
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

__all__ = ["ObjectExists", "Objects", "open_objects", "translated"]

_P = ParamSpec("_P")
_R = TypeVar("_R")

_GOOGLE = "https://storage.googleapis.com"
# Timeout of a call, including the token request. A chunk of 4 MiB takes 1 s on a slow line.
_TIMEOUT_SECONDS = 10.0
# Concurrent calls: per shipped step in a worker, per reader in the API.
_THREADS = 8
# A larger file is uploaded in parts of this size, a call each.
_UPLOAD_PART_BYTES = 8 * 1024 * 1024


class ObjectExists(Exception):
    """A conditional create failed: the object exists."""


class _Limits(TypedDict):
    timeout: float
    retry: None


def open_objects(
    name: str, endpoint: str | None, project: str | None, seconds: float = _TIMEOUT_SECONDS
) -> "Objects":
    """Return a bucket without any request to the server; raises Unavailable without credentials.

    Args:
        name: the bucket's name.
        endpoint: base URL of a server other than Google's, used without credentials.
        project: the quota project; None to use the credentials' project.
        seconds: timeout of a call.
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
    """A bucket. Methods block; run them through `threaded`, which also translates errors."""

    def __init__(
        self,
        client: Client,
        bucket: str,
        endpoint: str = _GOOGLE,
        seconds: float = _TIMEOUT_SECONDS,
    ) -> None:
        # Version 3.17 reads the bucket's metadata for OpenTelemetry in a separate thread, without
        # our timeout and with an extra permission; None turns that off (measured).
        client._bucket_metadata_cache = None
        self._bucket = client.bucket(bucket)
        self._endpoint = endpoint.rstrip("/")
        self._limits: _Limits = {"timeout": seconds, "retry": None}
        self._threads = ThreadPool("gcs", _THREADS, seconds)

    async def threaded(self, work: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Run blocking work in a thread of this bucket; raises Unavailable when the store fails."""
        with translated():
            return await self._threads.run(work, *args, **kwargs)

    def get(self, name: str) -> Blob | None:
        return self._bucket.get_blob(name, **self._limits)

    def entries(self, prefix: str) -> list[Blob]:
        """The objects with this prefix, ordered by name."""
        return list(self._bucket.list_blobs(prefix=prefix, **self._limits))

    def names(self, prefix: str, start: str) -> Iterator[str]:
        """The names with this prefix, from `start` on."""
        blobs = self._bucket.list_blobs(
            prefix=prefix, start_offset=start, fields="items(name),nextPageToken", **self._limits
        )
        return (blob.name for blob in blobs)

    def put(self, name: str, data: bytes, content_type: str) -> None:
        """Write an object, replacing an existing object."""
        self._bucket.blob(name).upload_from_string(data, content_type=content_type, **self._limits)

    def replace(self, name: str, data: bytes, content_type: str, generation: int) -> None:
        """Write an object in place of exactly this generation, 0 for a missing object.

        Raises PreconditionFailed when another generation is in place.
        """
        self._bucket.blob(name).upload_from_string(
            data, content_type=content_type, if_generation_match=generation, **self._limits
        )

    def put_file(
        self, name: str, file: IO[bytes], content_type: str, metadata: Mapping[str, str]
    ) -> Blob:
        """Write a file as an object, which becomes visible when complete."""
        size = file.seek(0, os.SEEK_END)
        # A single call for a small file: an upload in parts takes at least two.
        part_bytes = _UPLOAD_PART_BYTES if size > _UPLOAD_PART_BYTES else None
        blob = self._bucket.blob(name, chunk_size=part_bytes)
        blob.metadata = dict(metadata)
        blob.upload_from_file(
            file, rewind=True, size=size, content_type=content_type, **self._limits
        )
        return blob

    def create(
        self, name: str, data: bytes, content_type: str, metadata: Mapping[str, str]
    ) -> None:
        """Create an object; raises ObjectExists when the name is in use."""
        blob = self._bucket.blob(name)
        blob.metadata = dict(metadata)
        try:
            blob.upload_from_string(
                data, content_type=content_type, if_generation_match=0, **self._limits
            )
        except PreconditionFailed:
            raise ObjectExists(name) from None

    def compose(
        self, name: str, sources: Sequence[Blob], metadata: Mapping[str, str] | None = None
    ) -> Blob:
        """Concatenate exactly these generations; raises ObjectExists when a final name is in use.

        Without `metadata` the object is intermediate and replaces an existing object.
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
            raise ObjectExists(name) from None
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
        """A V4 signed URL for GET, with this content type and disposition."""
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
        """Remove exactly this generation, if present."""
        try:
            blob.delete(if_generation_match=blob.generation, **self._limits)
        except (NotFound, PreconditionFailed):
            return


@contextmanager
def translated() -> Iterator[None]:
    """Raise `Unavailable` for errors of the server, the credentials and the network."""
    try:
        yield
    except (GoogleAPICallError, GoogleAuthError, InvalidResponse, DataCorruption, OSError) as error:
        raise Unavailable(f"Cloud Storage: {type(error).__name__}: {error}") from None
