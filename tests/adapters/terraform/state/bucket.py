"""What others write into the bucket of states."""

import json
from datetime import UTC, datetime

from adapters.terraform.state.gcs import GcsStateBackend, StateLock

NOW = datetime.now(UTC)
OURS = {"ID": "1", "Operation": "OperationTypeApply", "Who": "anava@host-1", "Created": ""}


def put(state: GcsStateBackend, kind: str, content: bytes) -> int:
    """Write an object of the stack past the code; its generation."""
    backend = state.backend()["gcs"]
    assert isinstance(backend, dict)
    name = f"{backend['prefix']}/default.{kind}"
    state.objects.put(name, content, "application/json")
    blob = state.objects.get(name)
    assert blob is not None
    generation: int = blob.generation
    return generation


def locked(state: GcsStateBackend, **fields: str) -> StateLock:
    put(state, "tflock", json.dumps(OURS | {"Created": NOW.isoformat()} | fields).encode())
    lock = state.lock()
    assert lock is not None
    return lock
