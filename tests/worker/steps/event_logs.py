"""The folder of an apply that has started, and its event log without a supervisor."""

import sys
from pathlib import Path

from adapters.redaction import Redactor
from adapters.terraform.output.events import Translator
from deployments.phase import Phase
from deployments.size_limit import SizeLimit
from deployments.step import StepKey
from worker.steps.event_log import EventLog

__all__ = ["log_of", "started_step"]

_KEY = StepKey("dep-1", 3)


def started_step(root: Path) -> Path:
    """Make the folder of the step below a run root."""
    folder = root / _KEY.deployment / "steps" / str(_KEY.step)
    folder.mkdir(parents=True)
    (folder / "started.json").write_text("{}")
    return folder


def log_of(
    folder: Path, limit_bytes: int = sys.maxsize, limit: SizeLimit | None = None
) -> EventLog:
    translator = Translator(_KEY.step, Phase.APPLY, "2026-01-01T00:00:00Z", Redactor([]))
    return EventLog(folder, _KEY, translator, lambda: None, limit=limit or SizeLimit(limit_bytes))
