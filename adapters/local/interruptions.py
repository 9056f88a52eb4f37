"""Interrupted deployments of stacks: `<data>/stacks/<stack>/interrupted/<deployment>.json`."""

from collections.abc import Iterable
from dataclasses import asdict
from operator import itemgetter
from pathlib import Path

import msgspec

from adapters.local import atomic_files
from adapters.local.folders import deployment_file, stack_folder
from deployments.interruption import Interruption

__all__ = ["LocalInterruptions"]


class LocalInterruptions:
    """Records the remains of interrupted deployments until a later deployment completes."""

    def __init__(self, data: Path) -> None:
        self._stacks = data / "stacks"

    def add(self, stack: str, interruption: Interruption) -> None:
        """Remember an interrupted deployment; a repeat, which may see less, changes nothing."""
        folder = self._folder(stack)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = deployment_file(folder, interruption.deployment, ".json")
        atomic_files.create(file, asdict(interruption))

    def of(self, stack: str) -> list[Interruption]:
        """The interrupted deployments of a stack, the oldest first."""
        return _read(self._folder(stack).glob("*.json"))

    def all(self) -> list[Interruption]:
        """The interrupted deployments of all stacks, the oldest first."""
        return _read(self._stacks.glob("*/interrupted/*.json"))

    def forget(self, stack: str) -> None:
        """Forget a stack's interrupted deployments."""
        for file in self._folder(stack).glob("*.json"):
            file.unlink(missing_ok=True)

    def _folder(self, stack: str) -> Path:
        return stack_folder(self._stacks, stack) / "interrupted"


def _read(files: Iterable[Path]) -> list[Interruption]:
    """Read files; a file that was removed meanwhile is left out."""
    read = []
    for file in files:
        try:
            read.append(
                (file.stat().st_mtime, msgspec.json.decode(file.read_bytes(), type=Interruption))
            )
        except (FileNotFoundError, msgspec.MsgspecError):
            continue
    return [interruption for _, interruption in sorted(read, key=itemgetter(0))]
