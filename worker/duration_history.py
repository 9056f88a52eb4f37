"""Typical durations of resources, from the progress files of earlier deployments."""

from collections.abc import Iterator
from pathlib import Path

from adapters.local.progress import read_progress
from deployments.phase import Phase
from deployments.step import Resource
from deployments.typical_durations import TypicalDurations
from worker import run_index

__all__ = ["load_typical_durations"]


def load_typical_durations(run_root: Path) -> TypicalDurations:
    """The typical durations in the newest ended deployments; skips unreadable files. Blocks."""
    return TypicalDurations.from_resources(
        resource for folder in run_index.recent(run_root) for resource in _resources(folder)
    )


def _resources(folder: Path) -> Iterator[Resource]:
    for step in folder.glob("steps/*"):
        progress = read_progress(step)
        if progress is not None and progress.phase == Phase.APPLY:
            yield from progress.resources
