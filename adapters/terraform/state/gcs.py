"""The state of a stack in Cloud Storage, beside terraform: read, its lock read and removed.

Terraform's backend `gcs` keeps `<prefix>/default.tfstate`; its lock is the object `….tflock`, made
only where none is, and known by its generation (tried, terraform 1.11.4). All methods block.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import ClassVar

from google.api_core.exceptions import NotFound, PreconditionFailed

from adapters.gcs.objects import Objects, open_objects, translated

__all__ = ["GcsStateBackend", "StateLock"]

# Its JSON API below a server's address, as the backend wants it.
_API = "/storage/v1/"
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class StateLock:
    """A lock of terraform: which one, who holds it on which machine, and since when."""

    generation: int
    who: str = ""
    created_at: datetime = _BEFORE_ALL

    @property
    def host(self) -> str:
        """The machine's name, which terraform writes behind the user's."""
        return self.who.rpartition("@")[2]


class GcsStateBackend:
    """Port `StackState`.

    Args:
        bucket: where states lie.
        prefix: of this stack's objects.
        endpoint: base URL of another server than Google's.
        project: whose quota counts; None where the credentials say it.
    """

    lock_outlives_holder: ClassVar[bool] = True

    def __init__(self, bucket: str, prefix: str, endpoint: str | None, project: str | None) -> None:
        self._name = bucket
        self._prefix = prefix
        self._endpoint = endpoint
        self._project = project

    @classmethod
    def by(cls, backend: Mapping[str, object], project: str | None) -> "GcsStateBackend":
        """As a backend's configuration says."""
        api = backend.get("storage_custom_endpoint")
        endpoint = str(api).removesuffix(_API) if api else None
        return cls(str(backend["bucket"]), str(backend["prefix"]), endpoint, project)

    def backend(self) -> dict[str, object]:
        """Port `StackState`; so are the public methods below."""
        found: dict[str, object] = {"bucket": self._name, "prefix": self._prefix}
        if self._endpoint is not None:
            found["storage_custom_endpoint"] = self._endpoint + _API
        return {"gcs": found}

    def read(self) -> bytes:
        with translated():
            try:
                return self.objects.read(self._object(_STATE))
            except NotFound:
                return b""

    def lock(self) -> StateLock | None:
        with translated():
            blob = self.objects.get(self._object(_LOCK))
            if blob is None:
                return None
            try:
                # Of this generation: in between another lock may have come.
                content = self.objects.read_part(blob, 0, blob.size) if blob.size else b""
            except (NotFound, PreconditionFailed):
                return None
            return _lock(blob.generation, content)

    def unlock(self, lock: StateLock) -> bool:
        with translated():
            # Looked at first, though the condition says it all: servers of tests ignore it (tried).
            blob = self.objects.get(self._object(_LOCK))
            if blob is None:
                return True
            if blob.generation != lock.generation:
                return False
            self.objects.remove(blob)
            return True

    @cached_property
    def objects(self) -> Objects:
        """The bucket; opening it asks the server nothing.

        Raises:
            Unavailable: there are no credentials.
        """
        return open_objects(self._name, self._endpoint, self._project)

    def _object(self, name: str) -> str:
        return f"{self._prefix}/{name}"


_STATE = "default.tfstate"
_LOCK = "default.tflock"


def _lock(generation: int, content: bytes) -> StateLock:
    """A lock as its object says; one that nobody can read is nobody's that we know."""
    try:
        said = json.loads(content)
        return StateLock(generation, str(said["Who"]), datetime.fromisoformat(str(said["Created"])))
    except (ValueError, TypeError, LookupError):
        return StateLock(generation)
