"""Artifacts on this machine: files in the data folder, download links checked by the API."""

import asyncio
import hashlib
import hmac
import os
import stat
import time
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

from adapters.local import atomic_files
from adapters.local.folders import deployment_folder
from deployments.artifacts import (
    LINK_SECONDS,
    Artifact,
    Content,
    content_type,
    is_name,
    is_shown,
)
from deployments.deployment_id import is_deployment_id
from deployments.errors import LinkExpired, LinkRefused, NotFound, Unavailable

__all__ = ["LocalArtifactStore"]

# Amortises the call into a thread; small in memory with a hundred concurrent downloads.
_BLOCK_BYTES = 256 * 1024
_KEY_FILE = "download.key"
# Limit of the cache, which avoids hashing unchanged files again.
_MAX_HASHES = 10_000

_Version = tuple[int, int, int]


class LocalArtifactStore:
    """Stores artifacts and the signing key in the data folder, and checks download links."""

    def __init__(self, data: Path, clock: Callable[[], float] = time.time) -> None:
        self._root = data / "artifacts"
        self._key_path = data / _KEY_FILE
        self._clock = clock
        self._key_bytes = b""
        self._hashes: dict[tuple[Path, _Version], str] = {}

    async def put(self, deployment: str, name: str, content: Iterable[bytes]) -> Artifact:
        """Write an artifact atomically, also beside a concurrent writer of the same name."""
        if not (is_name(name) and is_deployment_id(deployment)):
            raise ValueError(f"{name!r} is not a valid artifact name")
        return await asyncio.to_thread(
            self._put, deployment_folder(self._root, deployment), name, content
        )

    async def entries(self, deployment: str) -> list[Artifact]:
        return await asyncio.to_thread(self._entries, deployment)

    async def open(self, deployment: str, name: str) -> Content:
        path = self._path(deployment, name)
        size = path.stat().st_size
        return Content(size, content_type(name), _chunks(path, size))

    async def link(self, deployment: str, name: str) -> str:
        if not is_shown(name):
            raise NotFound("The artifact does not exist.")
        self._path(deployment, name)
        expires = str(int(self._clock()) + LINK_SECONDS)
        query = urlencode({"expires": expires, "signature": self._sign(deployment, name, expires)})
        return f"/api/artifacts/download/{deployment}/{name}?{query}"

    def admit(self, deployment: str, name: str, expires: str, signature: str) -> None:
        """Check a download link; raises LinkRefused or LinkExpired."""
        expected = self._sign(deployment, name, expires)
        # As bytes: compare_digest refuses text with other letters than ASCII.
        if not hmac.compare_digest(expected.encode(), _bytes(signature)):
            raise LinkRefused("The link's signature does not fit this download.")
        # A valid signature, so `expires` is a number.
        if int(expires) <= self._clock():
            raise LinkExpired(f"The link was valid for {LINK_SECONDS // 60} minutes.")

    def _path(self, deployment: str, name: str) -> Path:
        path = deployment_folder(self._root, deployment) / name
        if not (is_name(name) and _version(path)):
            raise NotFound("The artifact does not exist.")
        return path

    def _put(self, folder: Path, name: str, content: Iterable[bytes]) -> Artifact:
        draft = folder / f".{name}.{os.urandom(6).hex()}"
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            sha256 = _write(draft, content)
            draft.replace(folder / name)
            # Drafts of dead writers. A living writer of the same name has the same content.
            for stale in folder.glob(f".{name}.*"):
                stale.unlink(missing_ok=True)
        except FileNotFoundError:
            if not _version(folder / name):
                raise Unavailable(f"The artifact {name} could not be stored.") from None
        except OSError as error:
            raise Unavailable(
                f"The artifact {name} could not be stored: {error.strerror}."
            ) from error
        else:
            return _artifact(folder / name, sha256)
        finally:
            draft.unlink(missing_ok=True)
        # A concurrent attempt finished first and removed this draft.
        return _artifact(folder / name, _sha256(folder / name))

    def _entries(self, deployment: str) -> list[Artifact]:
        if not is_deployment_id(deployment):
            return []
        folder = deployment_folder(self._root, deployment)
        if not folder.is_dir():
            return []
        paths = sorted(path for path in folder.iterdir() if is_shown(path.name))
        return [_artifact(path, self._hash(path)) for path in paths if _version(path)]

    def _hash(self, path: Path) -> str:
        version = _version(path)
        if version is None:
            return _sha256(path)
        if (path, version) not in self._hashes:
            if len(self._hashes) >= _MAX_HASHES:
                self._hashes.clear()
            self._hashes[path, version] = _sha256(path)
        return self._hashes[path, version]

    def _sign(self, deployment: str, name: str, expires: str) -> str:
        # No valid part contains a line break, so two links never sign the same text.
        text = "\n".join(("GET", deployment, name, expires))
        return hmac.new(self._key(), _bytes(text), hashlib.sha256).hexdigest()

    def _key(self) -> bytes:
        if not self._key_bytes:
            self._key_bytes = atomic_files.read_or_create_key(self._key_path)
        return self._key_bytes


def _write(path: Path, content: Iterable[bytes]) -> str:
    """Write a new file and return the sha256."""
    digest = hashlib.sha256()
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        for chunk in content:
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()


def _version(path: Path) -> _Version | None:
    """Inode, size and mtime, which change with each put; None unless a regular file exists."""
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _artifact(path: Path, sha256: str) -> Artifact:
    status = path.stat()
    moment = datetime.fromtimestamp(status.st_mtime, UTC).isoformat(timespec="milliseconds")
    return Artifact(
        name=path.name,
        size_bytes=status.st_size,
        sha256=sha256,
        content_type=content_type(path.name),
        created_at=moment.replace("+00:00", "Z"),
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def _chunks(path: Path, size: int) -> AsyncIterator[bytes]:
    """Yield the file's first `size` bytes, the length that the response announced."""
    file = await asyncio.to_thread(path.open, "rb")
    try:
        while size and (block := await asyncio.to_thread(file.read, min(size, _BLOCK_BYTES))):
            size -= len(block)
            yield block
    finally:
        file.close()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
