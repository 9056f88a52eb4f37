"""The index of a run root: which deployments still need this host, and which ended last.

`<run root>/pending/<deployment>` is an empty file for each deployment that is open, or whose logs
or artifacts are not sent yet; loops of a worker list this folder, never the run directories
(docs/adr/0037). `<run root>/recent/<deployment>` is an empty file for each of the newest ended
deployments. Both are derived: `rebuild` makes them from the run directories.
"""

from collections.abc import Iterable
from heapq import nlargest
from pathlib import Path

from adapters.local.folders import deployment_folders
from deployments.deployment_id import is_deployment_id

__all__ = [
    "OUTBOX_FOLDER",
    "RECORD_FILE",
    "mark",
    "marked_at",
    "names",
    "note_ended",
    "pending",
    "rebuild",
    "recent",
    "unmark",
]

# Ten take 5 ms to read. A deployment has each type of a stack once, and three durations suffice.
_MAX_RECENT = 10

# Of a run directory: the record of the end, and the artifacts that their store does not have.
RECORD_FILE = "record.json"
OUTBOX_FOLDER = "outbox"

_PENDING = "pending"
_RECENT = "recent"


def names(run_root: Path) -> list[str]:
    """All deployments with a run directory, also those that have ended; grows with their number."""
    return [path.name for path in deployment_folders(run_root)]


def pending(run_root: Path) -> list[str]:
    """The deployments that still need this host; a deployment may have no run directory yet."""
    return _listed(run_root / _PENDING)


def mark(run_directory: Path) -> None:
    """Add a deployment to the index, before its run directory exists; a repeat changes nothing."""
    path = _mark_of(run_directory)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)


def marked_at(run_directory: Path) -> float:
    """When a deployment came into the index; 0 for a deployment that is not there."""
    try:
        return _mark_of(run_directory).stat().st_mtime
    except FileNotFoundError:
        return 0.0


def unmark(run_directory: Path) -> None:
    """Remove a deployment from the index; a repeat changes nothing."""
    _mark_of(run_directory).unlink(missing_ok=True)


def note_ended(run_directory: Path) -> None:
    """Add a deployment to the newest ended ones, and drop the oldest of them."""
    folder = run_directory.parent / _RECENT
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / run_directory.name).touch(mode=0o600)
    newest = {path.name for path in recent(run_directory.parent)}
    for name in _listed(folder):
        if name not in newest:
            (folder / name).unlink(missing_ok=True)


def recent(run_root: Path) -> list[Path]:
    """The run directories of the newest ended deployments, the newest first."""
    return _newest(run_root / name for name in _listed(run_root / _RECENT))


def rebuild(run_root: Path) -> None:
    """Add the deployments that a worker without this index, or a dead worker, has left.

    Looks into each run directory, once for each start of a worker.
    """
    directories = deployment_folders(run_root)
    for directory in directories:
        # One listing instead of a call for each name: 10,000 take 0.2 s (measured).
        content = _files(directory)
        is_unsent = OUTBOX_FOLDER in content and _files(directory / OUTBOX_FOLDER)
        if RECORD_FILE not in content or "work" in content or is_unsent:
            mark(directory)
    if not (run_root / _RECENT).is_dir():
        for directory in _newest(directories):
            note_ended(directory)


def _mark_of(run_directory: Path) -> Path:
    return run_directory.parent / _PENDING / run_directory.name


def _listed(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir() if is_deployment_id(path.name)]
    except FileNotFoundError:
        return []


def _files(folder: Path) -> set[str]:
    try:
        return {path.name for path in folder.iterdir()}
    except (FileNotFoundError, NotADirectoryError):
        return set()


def _newest(directories: Iterable[Path]) -> list[Path]:
    ended = []
    for directory in directories:
        try:
            ended.append(((directory / RECORD_FILE).stat().st_mtime, directory))
        except OSError:  # Open, or removed meanwhile.
            continue
    return [directory for _, directory in nlargest(_MAX_RECENT, ended)]
