"""Typical durations of resources, from the progress files of earlier deployments."""

from collections.abc import Iterator
from heapq import nlargest
from pathlib import Path

import msgspec

from deployments.log_ports import Progress
from deployments.step import Resource
from deployments.typical_durations import TypicalDurations
from worker.run_directory import RECORD_FILE
from worker.steps.event_log import PROGRESS_FILE

__all__ = ["load_typical_durations"]

# Ten take 5 ms to read. A deployment has each type of a stack once, and three durations suffice.
_MAX_DEPLOYMENTS = 10
_APPLY = "apply"


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
    for path in folder.glob(f"steps/*/{PROGRESS_FILE}"):
        try:
            progress = msgspec.json.decode(path.read_bytes(), type=Progress)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            continue
        if progress.phase == _APPLY:
            yield from progress.resources
