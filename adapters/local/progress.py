"""Progress documents on this machine, stored beside each step's log."""

import asyncio
from pathlib import Path

import msgspec

from adapters.local.folders import deployment_folder
from deployments.log_ports import Progress

__all__ = ["PROGRESS_FILE", "LocalProgressSource", "read_progress"]

PROGRESS_FILE = "progress.json"


def read_progress(folder: Path) -> Progress | None:
    """Read a step's document, which the writer replaces atomically; None when unreadable."""
    try:
        return msgspec.json.decode((folder / PROGRESS_FILE).read_bytes(), type=Progress)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


class LocalProgressSource:
    """Reads `<run root>/<deployment>/steps/<n>/progress.json`."""

    def __init__(self, run_root: Path) -> None:
        self._run_root = run_root

    async def latest(self, deployment: str) -> Progress | None:
        """Return the progress of the highest step that has resources, else None."""
        return await asyncio.to_thread(
            self._latest, deployment_folder(self._run_root, deployment) / "steps"
        )

    def _latest(self, steps: Path) -> Progress | None:
        try:
            numbers = [int(path.name) for path in steps.iterdir() if path.name.isdigit()]
        except FileNotFoundError:
            return None
        for number in sorted(numbers, reverse=True):
            progress = read_progress(steps / str(number))
            if progress is not None and progress.resources:
                return progress
        return None
