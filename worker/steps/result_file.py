"""The complete result of a step on this host; a payload holds a part of a large result."""

import json
from dataclasses import asdict
from pathlib import Path

import msgspec

from adapters.local import atomic_files
from deployments.step import StepResult

__all__ = ["read_result", "write_result"]

_RESULT_FILE = "result.json"


def write_result(folder: Path, result: StepResult) -> None:
    """Write the result into a step's folder."""
    atomic_files.replace(folder / _RESULT_FILE, json.dumps(asdict(result)))


def read_result(folder: Path) -> StepResult | None:
    """Read the result of a step; None for a missing or unreadable file."""
    try:
        return msgspec.json.decode((folder / _RESULT_FILE).read_bytes(), type=StepResult)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
