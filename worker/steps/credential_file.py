"""The credential of a run, for its runner's metadata endpoint: in its step's folder, 0600."""

from pathlib import Path

from adapters.local import atomic_files
from deployments.credentials import Credential

__all__ = ["remove", "write"]

_FILE = "credential.json"


def write(folder: Path, credential: Credential, project_id: str) -> None:
    """Put it in place of the last one; none stays in a step that has ended."""
    atomic_files.replace(
        folder / _FILE,
        {
            "token": credential.token,
            # Of the boot clock, which is never set: the runner counts by it.
            "until_boottime": atomic_files.boot_seconds() + credential.seconds,
            "email": credential.email,
            "project_id": project_id,
        },
    )
    # The runner removes it and writes its record then; what comes later is removed here.
    if (folder / "exit.json").exists():
        remove(folder)


def remove(folder: Path) -> None:
    """Remove it; a repeat finds it gone."""
    (folder / _FILE).unlink(missing_ok=True)
