"""State backends: a file on this machine, or an object in a bucket.

A run directory uses the backend in `backend.tf.json`, also after a change of the settings.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeAlias

from adapters.local import atomic_files, disk_space
from adapters.local.folders import stack_folder
from adapters.settings import Settings
from adapters.terraform.state import local_state
from adapters.terraform.state.gcs import GcsStateBackend, StateLock
from adapters.terraform.state.state_file import position_of
from deployments.stack_record import StatePosition

__all__ = [
    "BACKEND_FILE",
    "LocalStateBackend",
    "StateBackend",
    "StateBackends",
    "backend_file",
    "credentials_file",
    "read_state",
    "recorded_outputs",
    "sensitive_outputs",
]

BACKEND_FILE = "backend.tf.json"


@dataclass(frozen=True)
class LocalStateBackend:
    """A file with a kernel lock, which ends with the holder (measured)."""

    lock_outlives_holder: ClassVar[bool] = False
    # On this host, whose id the record of a stack has.
    location: ClassVar[str] = ""

    path: Path

    def backend(self) -> dict[str, object]:
        return {"local": {"path": str(self.path)}}

    def read(self) -> bytes:
        return self.path.read_bytes() if self.path.exists() else b""

    def replace(self, change: Callable[[bytes], bytes | None]) -> None:
        """Write what `change` makes of the present state, beside the state, and rename.

        Raises Unavailable while a terraform holds the kernel lock.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path.touch()
        with local_state.locked(self.path) as stored:
            if (state := change(stored)) is not None:
                disk_space.replace_durably(self.path, state, None)

    def lock(self) -> StateLock | None:
        return None

    def take(self, who: str, info: str) -> StateLock | None:
        return None

    def unlock(self, lock: StateLock) -> bool:
        return True


StateBackend: TypeAlias = LocalStateBackend | GcsStateBackend


def read_state(backend: StateBackend) -> tuple[bytes, StatePosition]:
    """Return a state and its version. Blocks: a state of 6.5 MB is parsed in 44 ms (measured).

    Raises:
        Unavailable: the store does not answer, or the state is damaged.
    """
    state = backend.read()
    return state, position_of(state)


class StateBackends:
    """Selects the backend of a stack or of a run directory.

    `environment` is the worker's, and locates the credentials for a bucket; without credentials the
    constructor raises Unavailable.
    """

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        self._settings = settings
        self._environment = environment
        if settings.state.backend == "gcs":
            # Without a request: a worker must re-attach to steps also while the server is down.
            _ = self._gcs("").objects

    def of(self, stack: str) -> StateBackend:
        """Return the backend for a new deployment of the stack."""
        if self._settings.state.backend == "gcs":
            return self._gcs(f"stacks/{stack}")
        path = stack_folder(self._settings.data / "stacks", stack) / "terraform.tfstate"
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return LocalStateBackend(path)

    def local(self) -> Iterator[tuple[str, LocalStateBackend]]:
        """Yield the stacks whose state lies on this host's disk."""
        for path in sorted((self._settings.data / "stacks").glob("*/terraform.tfstate")):
            yield path.parent.name, LocalStateBackend(path)

    def used_by(self, work: Path) -> StateBackend | None:
        """Return the backend of a run directory; None when the work folder is cleared."""
        content = atomic_files.read(work / BACKEND_FILE) or {}
        backend = _block(_block(content, "terraform"), "backend")
        if gcs := _block(backend, "gcs"):
            return GcsStateBackend.from_configuration(gcs, self._settings.google.project)
        local = _block(backend, "local")
        return LocalStateBackend(Path(str(local["path"]))) if local else None

    def terraform_environment(self) -> dict[str, str]:
        """Return the environment of terraform's backend.

        With `STORAGE_EMULATOR_HOST` Google's Go library uses no credentials (tried), for a server
        other than Google's. At Google the backend has the worker's identity, independent of the
        providers: the worker's credentials file by path, else the machine's metadata server.
        """
        if self._settings.state.backend != "gcs":
            return {}
        if endpoint := self._settings.gcs.endpoint:
            return {"STORAGE_EMULATOR_HOST": endpoint}
        file = credentials_file(self._environment)
        return {"GOOGLE_BACKEND_CREDENTIALS": str(file)} if file else {}

    def _gcs(self, prefix: str) -> GcsStateBackend:
        settings = self._settings
        bucket = settings.state.bucket or ""
        return GcsStateBackend(bucket, prefix, settings.gcs.endpoint, settings.google.project)


def backend_file(state: StateBackend) -> str:
    """Return the content of `backend.tf.json`."""
    return json.dumps({"terraform": {"backend": state.backend()}}, indent=2)


def sensitive_outputs(state: bytes) -> Iterator[str]:
    """Yield the sensitive outputs' texts for a `Redactor`; none for an invalid state."""
    for output in recorded_outputs(state).values():
        if output["sensitive"]:
            yield from _texts(output["value"])


def recorded_outputs(state: bytes) -> dict[str, dict[str, object]]:
    """Return all outputs of a state, each with `sensitive` and `value`."""
    try:
        content = json.loads(state or b"{}")
    except ValueError:
        content = {}
    return {
        name: {"sensitive": bool(output.get("sensitive")), "value": output.get("value")}
        for name, output in _block(content, "outputs").items()
        if isinstance(output, dict)
    }


def credentials_file(environment: Mapping[str, str]) -> Path | None:
    """Return the path of the application default credentials file, None if missing."""
    if named := environment.get("GOOGLE_APPLICATION_CREDENTIALS"):
        return Path(named).resolve()
    home = environment.get("HOME", "/nonexistent")
    folder = Path(environment.get("CLOUDSDK_CONFIG") or f"{home}/.config/gcloud")
    file = folder / "application_default_credentials.json"
    return file.resolve() if file.is_file() else None


def _block(content: object, name: str) -> dict[str, object]:
    block = content.get(name) if isinstance(content, dict) else None
    return block if isinstance(block, dict) else {}


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for child in value.values():
            yield from _texts(child)
    elif isinstance(value, list):
        for child in value:
            yield from _texts(child)
