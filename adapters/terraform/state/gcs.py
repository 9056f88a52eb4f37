"""A stack's state and state lock in Cloud Storage, accessed beside terraform.

Terraform's backend `gcs` stores `<prefix>/default.tfstate`. The lock is the object
`<prefix>/default.tflock`, created conditionally and identified by the generation (tried, terraform
1.11.4). All methods block.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import ClassVar
from uuid import uuid4

from google.api_core.exceptions import NotFound, PreconditionFailed

from adapters.gcs.objects import ObjectExists, Objects, open_objects, translated
from deployments.errors import Unavailable

__all__ = ["GcsStateBackend", "StateLock"]

# Path of the JSON API, which the backend expects in the endpoint.
_API = "/storage/v1/"
_STATE = "default.tfstate"
_LOCK = "default.tflock"
# As terraform writes both objects.
_JSON = "application/json"
_UNKNOWN_TIME = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class StateLock:
    """Terraform's lock: generation, holder as `user@host`, creation time.

    `info` is empty for terraform's own locks; a lock of `GcsStateBackend.take` has the purpose.
    """

    generation: int
    who: str = ""
    created_at: datetime = _UNKNOWN_TIME
    info: str = ""

    @property
    def host(self) -> str:
        """The host name in `who`."""
        return self.who.rpartition("@")[2]


class GcsStateBackend:
    """Reads a state from a bucket; reads and removes the lock, which outlives a killed terraform.

    Args:
        bucket: the bucket of all states.
        prefix: the stack's prefix in that bucket.
        endpoint: base URL of a server other than Google's.
        project: the quota project; None to use the credentials' project.
    """

    lock_outlives_holder: ClassVar[bool] = True

    def __init__(self, bucket: str, prefix: str, endpoint: str | None, project: str | None) -> None:
        self._name = bucket
        self._prefix = prefix
        self._endpoint = endpoint
        self._project = project

    @classmethod
    def from_configuration(
        cls, backend: Mapping[str, object], project: str | None
    ) -> "GcsStateBackend":
        """Construct from the configuration in a `backend` block."""
        api = backend.get("storage_custom_endpoint")
        endpoint = str(api).removesuffix(_API) if api else None
        return cls(str(backend["bucket"]), str(backend["prefix"]), endpoint, project)

    def backend(self) -> dict[str, object]:
        """Return terraform's `backend` block, without secrets."""
        configuration: dict[str, object] = {"bucket": self._name, "prefix": self._prefix}
        if self._endpoint is not None:
            configuration["storage_custom_endpoint"] = self._endpoint + _API
        return {"gcs": configuration}

    @property
    def location(self) -> str:
        """Where the state lies, the same text on every host."""
        return f"gs://{self._name}/{self._prefix}"

    def read(self) -> bytes:
        """Return the state, empty when missing."""
        with translated():
            try:
                return self.objects.read(self._object(_STATE))
            except NotFound:
                return b""

    def replace(self, change: Callable[[bytes], bytes | None]) -> None:
        """Write what `change` makes of the present state, unless `change` returns None.

        Raises Unavailable when another process wrote the state meanwhile, as without an answer.
        """
        with translated():
            blob = self.objects.get(self._object(_STATE))
            present = self.objects.read_part(blob, 0, blob.size) if blob and blob.size else b""
            state = change(present)
            if state is None:
                return
            try:
                generation = blob.generation if blob else 0
                self.objects.replace(self._object(_STATE), state, _JSON, generation)
            except PreconditionFailed:
                raise Unavailable("The state was changed meanwhile.") from None

    def lock(self) -> StateLock | None:
        """Return the current lock, None when the state is not locked."""
        with translated():
            blob = self.objects.get(self._object(_LOCK))
            if blob is None:
                return None
            try:
                # Read this generation: another lock may have replaced the object.
                content = self.objects.read_part(blob, 0, blob.size) if blob.size else b""
            except (NotFound, PreconditionFailed):
                return None
            return _parse_lock(blob.generation, content)

    def unlock(self, lock: StateLock) -> bool:
        """Remove exactly this lock; False when another lock is in place."""
        with translated():
            # Compared here too, since servers of tests ignore the condition of the delete (tried).
            blob = self.objects.get(self._object(_LOCK))
            if blob is None:
                return True
            if blob.generation != lock.generation:
                return False
            self.objects.remove(blob)
            return True

    def take(self, who: str, info: str) -> StateLock | None:
        """Take the lock as terraform does; None when the state is locked."""
        created = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        content = {
            "ID": str(uuid4()),
            "Operation": "state-push",
            "Info": info,
            "Who": who,
            "Version": "",
            "Created": created,
            "Path": f"{self.location}/{_LOCK}",
        }
        with translated(), suppress(ObjectExists):
            self.objects.create(self._object(_LOCK), json.dumps(content).encode(), _JSON, {})
            return self.lock()
        return None

    @cached_property
    def objects(self) -> Objects:
        """The bucket, opened without any request; raises Unavailable without credentials."""
        return open_objects(self._name, self._endpoint, self._project)

    def _object(self, name: str) -> str:
        return f"{self._prefix}/{name}"


def _parse_lock(generation: int, content: bytes) -> StateLock:
    """Parse a lock object. An unreadable object gives a lock without a holder, thus foreign."""
    try:
        info = json.loads(content)
        created_at = datetime.fromisoformat(str(info["Created"]))
        return StateLock(generation, str(info["Who"]), created_at, str(info.get("Info", "")))
    except (ValueError, TypeError, LookupError):
        return StateLock(generation)
