"""Artifacts in Cloud Storage: `artifacts/<deployment>/<name>`, downloaded by signed links."""

import hashlib
import tempfile
from collections.abc import AsyncIterator, Iterable
from datetime import UTC

from google.cloud.storage import Blob

from adapters.gcs.objects import Objects
from adapters.gcs.signing import LinkSigner
from deployments.artifacts import (
    Artifact,
    Content,
    content_type,
    disposition,
    is_name,
    is_shown,
)
from deployments.errors import NotFound

__all__ = ["GcsArtifactStore"]

# Size of a ranged read: amortises the request, small in memory with a hundred readers.
_BLOCK_BYTES = 1024 * 1024


class GcsArtifactStore:
    """Stores artifacts as objects; Google checks the signed links."""

    def __init__(self, objects: Objects, signer: LinkSigner) -> None:
        self._objects = objects
        self._signer = signer

    async def put(self, deployment: str, name: str, content: Iterable[bytes]) -> Artifact:
        """Write an artifact, replacing an earlier version; ValueError for an invalid name."""
        if not (is_name(name) and is_name(deployment)):
            raise ValueError(f"{name!r} is not a valid artifact name")
        return _artifact(await self._objects.threaded(self._put, deployment, name, content))

    async def entries(self, deployment: str) -> list[Artifact]:
        if not is_name(deployment):
            return []
        blobs = await self._objects.threaded(self._objects.entries, _path(deployment, ""))
        artifacts = [_artifact(blob) for blob in blobs if not blob.name.endswith("/")]
        return [artifact for artifact in artifacts if is_shown(artifact.name)]

    async def open(self, deployment: str, name: str) -> Content:
        blob = await self._find(deployment, name)
        return Content(blob.size, content_type(name), self._chunks(blob))

    async def link(self, deployment: str, name: str) -> str:
        if not is_shown(name):
            raise NotFound("The artifact does not exist.")
        blob = await self._find(deployment, name)
        return await self._objects.threaded(self._sign, blob, name)

    async def _find(self, deployment: str, name: str) -> Blob:
        if is_name(deployment) and is_name(name):
            blob = await self._objects.threaded(self._objects.get, _path(deployment, name))
            if blob is not None:
                return blob
        raise NotFound("The artifact does not exist.")

    def _put(self, deployment: str, name: str, content: Iterable[bytes]) -> Blob:
        digest = hashlib.sha256()
        # On disk: the metadata needs the digest before the upload, and the content may be large.
        with tempfile.TemporaryFile() as file:
            for chunk in content:
                digest.update(chunk)
                file.write(chunk)
            return self._objects.put_file(
                _path(deployment, name), file, content_type(name), {"sha256": digest.hexdigest()}
            )

    def _sign(self, blob: Blob, name: str) -> str:
        return self._objects.signed_link(
            blob, self._signer.credentials, content_type(name), disposition(name)
        )

    async def _chunks(self, blob: Blob) -> AsyncIterator[bytes]:
        """Yield the content of exactly this generation, even if the object is replaced."""
        for start in range(0, blob.size, _BLOCK_BYTES):
            end = min(blob.size, start + _BLOCK_BYTES)
            yield await self._objects.threaded(self._objects.read_part, blob, start, end)


def _path(deployment: str, name: str) -> str:
    return f"artifacts/{deployment}/{name}"


def _artifact(blob: Blob) -> Artifact:
    moment = blob.updated.astimezone(UTC).isoformat(timespec="milliseconds")
    name = blob.name.rpartition("/")[2]
    return Artifact(
        name=name,
        size_bytes=blob.size,
        sha256=(blob.metadata or {}).get("sha256", ""),
        content_type=content_type(name),
        created_at=moment.replace("+00:00", "Z"),
    )
