"""Where the state of a stack lies: in a file on this machine, or in a bucket.

What a run directory works with is what its `backend.tf.json` says, whatever the settings say now.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from adapters.local import atomic_files
from adapters.settings import Settings
from adapters.terraform.state.gcs import GcsStateBackend, StateLock

__all__ = [
    "BACKEND_FILE",
    "LocalStateBackend",
    "StateBackend",
    "StateBackends",
    "backend_file",
    "credentials_file",
    "recorded_outputs",
    "sensitive_outputs",
]

BACKEND_FILE = "backend.tf.json"


class StateBackend(Protocol):
    """The state of one stack; methods that ask a server block and may raise Unavailable.

    `lock_outlives_holder`: a killed terraform leaves its lock behind.
    """

    lock_outlives_holder: ClassVar[bool]

    def backend(self) -> dict[str, object]:
        """Terraform's `backend` block; holds no secret."""
        ...

    def read(self) -> bytes:
        """The state as it is; empty when there is none."""
        ...

    def lock(self) -> StateLock | None:
        """The lock that somebody holds; None where it cannot outlive its holder."""
        ...

    def unlock(self, lock: StateLock) -> bool:
        """Remove exactly this lock. False: another one is there, which is left alone."""
        ...


@dataclass(frozen=True)
class LocalStateBackend:
    """A file; its lock is the kernel's and ends with its holder (measured)."""

    lock_outlives_holder: ClassVar[bool] = False

    path: Path

    def backend(self) -> dict[str, object]:
        """Port `StateBackend`; so are the methods below."""
        return {"local": {"path": str(self.path)}}

    def read(self) -> bytes:
        return self.path.read_bytes() if self.path.exists() else b""

    def lock(self) -> StateLock | None:
        return None

    def unlock(self, lock: StateLock) -> bool:
        return True


class StateBackends:
    """The states of all stacks.

    Args:
        settings: where new deployments keep them.
        environment: the worker's, which says where its own credentials lie.

    Raises:
        Unavailable: the states lie in a bucket, and there are no credentials for it.
    """

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        self._settings = settings
        self._environment = environment
        if settings.state.backend == "gcs":
            # Asks the server nothing: one that is down must not keep a worker from adopting.
            _ = self._gcs("").objects

    def of(self, stack: str) -> StateBackend:
        """The state that a new deployment of the stack works with."""
        if self._settings.state.backend == "gcs":
            return self._gcs(f"stacks/{stack}")
        path = self._settings.data / "stacks" / stack / "terraform.tfstate"
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return LocalStateBackend(path)

    def used_by(self, work: Path) -> StateBackend | None:
        """The state that a run directory works with; None when its work is cleared."""
        content = atomic_files.read(work / BACKEND_FILE) or {}
        backend = _block(_block(content, "terraform"), "backend")
        if found := _block(backend, "gcs"):
            return GcsStateBackend.by(found, self._settings.google.project)
        found = _block(backend, "local")
        return LocalStateBackend(Path(str(found["path"]))) if found else None

    def terraform_environment(self) -> dict[str, str]:
        """What terraform's backend needs besides its configuration.

        With `STORAGE_EMULATOR_HOST` Google's Go library looks for no credentials (tried), which a
        server of one's own does not ask for. At Google the backend is this worker, whoever the
        providers are: by the file that the worker's own library uses, else by the metadata server
        of where it runs. Only its path is passed on.
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
    """`backend.tf.json`: where terraform keeps the state."""
    return json.dumps({"terraform": {"backend": state.backend()}}, indent=2)


def sensitive_outputs(state: bytes) -> Iterator[str]:
    """What earlier deployments of the stack made and must stay hidden.

    A state that cannot be read holds nothing here: terraform will say what is wrong with it.
    """
    for output in recorded_outputs(state).values():
        if output["sensitive"]:
            yield from _texts(output["value"])


def recorded_outputs(state: bytes) -> dict[str, dict[str, object]]:
    """All outputs in a state, each with `sensitive` and `value`."""
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
    """Where Google's libraries find application default credentials in a file."""
    if named := environment.get("GOOGLE_APPLICATION_CREDENTIALS"):
        return Path(named).resolve()
    home = environment.get("HOME", "/nonexistent")
    folder = Path(environment.get("CLOUDSDK_CONFIG") or f"{home}/.config/gcloud")
    file = folder / "application_default_credentials.json"
    return file.resolve() if file.is_file() else None


def _block(content: object, name: str) -> dict[str, object]:
    found = content.get(name) if isinstance(content, dict) else None
    return found if isinstance(found, dict) else {}


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for entry in value:
            yield from _texts(entry)
