"""Artifacts on this machine: files below the data folder, and links that this service checks."""

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

from adapters.local import key_file
from deployments.artifacts import (
    LINK_SECONDS,
    Artifact,
    Content,
    Link,
    content_type,
    is_name,
    is_shown,
)
from deployments.errors import LinkExpired, LinkRefused, NotFound, Unavailable

__all__ = ["LocalArtifactStore"]

# Large beside a call into a thread, small in memory with a hundred downloads at once.
_BLOCK_BYTES = 256 * 1024
_KEY_FILE = "download.key"
# A hash is read again only for a file that changed; more than this many are never listed at once.
_MOST_HASHES = 10_000

_Version = tuple[int, int, int]


class LocalArtifactStore:
    """Ports `ArtifactStore` and `Downloads`.

    Args:
        data: the data folder; artifacts lie in `artifacts/<deployment>/`, the key beside them.
        clock: seconds since 1970, for links.
    """

    def __init__(self, data: Path, clock: Callable[[], float] = time.time) -> None:
        self._root = data / "artifacts"
        self._key_path = data / _KEY_FILE
        self._clock = clock
        self._key_bytes = b""
        self._hashes: dict[tuple[Path, _Version], str] = {}

    async def put(self, deployment: str, name: str, content: Iterable[bytes]) -> Artifact:
        """Port `ArtifactStore`; so are the three below."""
        if not (is_name(name) and is_name(deployment)):
            raise ValueError(f"{name!r} is no name of an artifact")
        return await asyncio.to_thread(self._put, self._root / deployment, name, content)

    async def entries(self, deployment: str) -> list[Artifact]:
        return await asyncio.to_thread(self._entries, deployment)

    async def open(self, deployment: str, name: str) -> Content:
        path = self._path(deployment, name)
        size = path.stat().st_size
        return Content(size, content_type(name), _chunks(path, size))

    async def link(self, deployment: str, name: str) -> Link:
        if not is_shown(name):
            raise NotFound("There is no such artifact.")
        self._path(deployment, name)
        expires = str(int(self._clock()) + LINK_SECONDS)
        query = urlencode({"expires": expires, "signature": self._sign(deployment, name, expires)})
        return Link(f"/api/artifacts/download/{deployment}/{name}?{query}")

    def admit(self, deployment: str, name: str, expires: str, signature: str) -> None:
        """Port `Downloads`."""
        expected = self._sign(deployment, name, expires)
        # As bytes: a signature with other letters than ASCII is wrong, not an error.
        if not hmac.compare_digest(expected.encode(), _bytes(signature)):
            raise LinkRefused("This link was not made for this download.")
        # Signed, so it is a number of ours.
        if int(expires) <= self._clock():
            raise LinkExpired(f"The link was valid for {LINK_SECONDS // 60} minutes.")

    def _path(self, deployment: str, name: str) -> Path:
        path = self._root / deployment / name
        if not (is_name(deployment) and is_name(name) and _version(path)):
            raise NotFound("There is no such artifact.")
        return path

    def _put(self, folder: Path, name: str, content: Iterable[bytes]) -> Artifact:
        draft = folder / f".{name}.{os.urandom(6).hex()}"
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            sha256 = _write(draft, content)
            draft.replace(folder / name)
            # What a writer that died left behind; one that lives has no more to say than this one.
            for stale in folder.glob(f".{name}.*"):
                stale.unlink(missing_ok=True)
        except FileNotFoundError:
            if not _version(folder / name):
                raise Unavailable(f"The artifact {name} could not be kept.") from None
        except OSError as error:
            raise Unavailable(
                f"The artifact {name} could not be kept: {error.strerror}."
            ) from error
        else:
            return _artifact(folder / name, sha256)
        finally:
            draft.unlink(missing_ok=True)
        # Another attempt was faster, and swept this one's draft.
        return _artifact(folder / name, _sha256(folder / name))

    def _entries(self, deployment: str) -> list[Artifact]:
        folder = self._root / deployment
        if not (is_name(deployment) and folder.is_dir()):
            return []
        found = sorted(path for path in folder.iterdir() if is_shown(path.name))
        return [_artifact(path, self._hash(path)) for path in found if _version(path)]

    def _hash(self, path: Path) -> str:
        version = _version(path)
        if version is None:
            return _sha256(path)
        if (path, version) not in self._hashes:
            if len(self._hashes) >= _MOST_HASHES:
                self._hashes.clear()
            self._hashes[path, version] = _sha256(path)
        return self._hashes[path, version]

    def _sign(self, deployment: str, name: str, expires: str) -> str:
        # A line break can be in none of them that is ours, so no two links sign the same text.
        text = "\n".join(("GET", deployment, name, expires))
        return hmac.new(self._key(), _bytes(text), hashlib.sha256).hexdigest()

    def _key(self) -> bytes:
        if not self._key_bytes:
            self._key_bytes = key_file.read_or_make(self._key_path)
        return self._key_bytes


def _write(path: Path, content: Iterable[bytes]) -> str:
    """Write a new file; its sha256."""
    digest = hashlib.sha256()
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        for chunk in content:
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()


def _version(path: Path) -> _Version | None:
    """What changes with each put; None when there is no file of ours."""
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _artifact(path: Path, sha256: str) -> Artifact:
    found = path.stat()
    moment = datetime.fromtimestamp(found.st_mtime, UTC).isoformat(timespec="milliseconds")
    return Artifact(
        name=path.name,
        size_bytes=found.st_size,
        sha256=sha256,
        content_type=content_type(path.name),
        created_at=moment.replace("+00:00", "Z"),
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def _chunks(path: Path, size: int) -> AsyncIterator[bytes]:
    """The file's first `size` bytes, which is what the reader was promised."""
    file = await asyncio.to_thread(path.open, "rb")
    try:
        while size and (block := await asyncio.to_thread(file.read, min(size, _BLOCK_BYTES))):
            size -= len(block)
            yield block
    finally:
        file.close()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
