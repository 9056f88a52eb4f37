"""Typical durations of resources, from the progress files of earlier deployments."""

from collections.abc import Iterator
from heapq import nlargest
from pathlib import Path

from adapters.local.progress import read_progress
from deployments.phase import Phase
from deployments.step import Resource
from deployments.typical_durations import TypicalDurations
from worker.run_directory import RECORD_FILE

__all__ = ["load_typical_durations"]

# Ten take 5 ms to read. A deployment has each type of a stack once, and three durations suffice.
_MAX_DEPLOYMENTS = 10


def load_typical_durations(run_root: Path) -> TypicalDurations:
    """The typical durations in the newest ended deployments; skips unreadable files. Blocks."""
    return TypicalDurations.from_resources(
        resource for folder in _newest_ended(run_root) for resource in _resources(folder)
    )


def _newest_ended(run_root: Path) -> list[Path]:
    ended = []
    for record in run_root.glob(f"dep-*/{RECORD_FILE}"):
        try:
            ended.append((record.stat().st_mtime, record.parent))
        except OSError:  # Removed meanwhile.
            continue
    return [folder for _, folder in nlargest(_MAX_DEPLOYMENTS, ended)]


def _resources(folder: Path) -> Iterator[Resource]:
    for step in folder.glob("steps/*"):
        progress = read_progress(step)
        if progress is not None and progress.phase == Phase.APPLY:
            yield from progress.resources
