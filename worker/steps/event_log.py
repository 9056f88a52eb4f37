"""The log of one step on its host: spool → event file → progress."""

import asyncio
import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from adapters.local import atomic_files
from adapters.local.event_file import EVENT_FILE, EventFile, EventReader
from adapters.terraform.output.events import Translator, end_record
from adapters.terraform.output.messages import ProgressAccumulator
from deployments.events import EndKind, Seal
from deployments.step import StepKey
from deployments.typical_durations import TypicalDurations

__all__ = ["PROGRESS_FILE", "SPOOL_FILE", "EventLog"]

SPOOL_FILE = "spool"
PROGRESS_FILE = "progress.json"

# One step holds a thread for about 10 ms; the claim is checked between steps.
_STEP_BYTES = 1024 * 1024
# Progress is for people; more often than this nobody sees it.
_PROGRESS_SECONDS = 1.0


class EventLog:
    """The one writer of a step's events.

    Args:
        folder: the step's folder.
        key: which step.
        translator: makes the events; it has seen nothing yet.
        check: raises Fenced when this worker does not own the step any more.
        paces: reads what resources usually take; called once, in a thread.
    """

    def __init__(
        self,
        folder: Path,
        key: StepKey,
        translator: Translator,
        check: Callable[[], None],
        durations: Callable[[], TypicalDurations] = TypicalDurations,
    ) -> None:
        self._folder = folder
        self._durations = durations
        self._key = key
        self._check = check
        self._translator = translator
        self._file = EventFile(folder / EVENT_FILE)
        self._known = self._file.lines
        self._read = 0
        self._progress_at = 0.0
        self._progress_line = -1
        self.seal: Seal | None = self._sealed()

    @property
    def accumulator(self) -> ProgressAccumulator:
        """What the messages so far say together."""
        return self._translator.accumulator

    @property
    def lines(self) -> int:
        """How many events there are, without the end record."""
        return self._translator.lines

    async def pump(self) -> int:
        """Turn what is new in the spool into events; how many."""
        before = self._translator.lines
        # A shorter step has met the end; whoever writes more makes a change that is waited for.
        while await asyncio.to_thread(self._step) == _STEP_BYTES:
            pass
        self._show_progress(final=False)
        return self._translator.lines - before

    async def close(self) -> Seal:
        """Write the end record once; all of the spool must be pumped."""
        await asyncio.to_thread(self._write, b"", final=True)
        self._show_progress(final=True)
        if self.seal is None:
            seal = Seal(self._key.step, EndKind.COMPLETE, self._file.lines, self._file.sha256)
            self._check()
            self._file.append([end_record(seal)])
            self.seal = seal
        return self.seal

    def release(self) -> None:
        """Let go of the event file."""
        self._file.close()

    def _step(self) -> int:
        """Read and write one step; how many bytes."""
        try:
            fd = os.open(self._folder / SPOOL_FILE, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return 0
        try:
            data = os.pread(fd, _STEP_BYTES, self._read)
        finally:
            os.close(fd)
        if data:
            if not self._read:
                self.accumulator.durations = self._durations()
            self._write(data, final=False)
            self._read += len(data)
        return len(data)

    def _write(self, data: bytes, *, final: bool) -> None:
        first = self._translator.lines + 1
        events = self._translator.translate(data, final=final)
        # What the worker before wrote is there already; it was folded, and that was all.
        fresh = events[max(0, self._known + 1 - first) :]
        self._check()
        self._file.append(fresh)

    def _show_progress(self, *, final: bool) -> None:
        now = atomic_files.boot_seconds()
        if self._progress_line == self._translator.lines:
            return
        if not final and now - self._progress_at < _PROGRESS_SECONDS:
            return
        self._check()
        self._progress_at, self._progress_line = now, self._translator.lines
        content = {
            "format": atomic_files.FORMAT,
            "step": self._key.step,
            "phase": self._translator.phase,
            "until": f"{self._key.step}-{self._translator.lines}",
            "counts": self.accumulator.tally(),
            "resources": [asdict(resource) for resource in self.accumulator.resources()],
        }
        atomic_files.replace(self._folder / PROGRESS_FILE, json.dumps(content))

    def _sealed(self) -> Seal | None:
        """The end record that a worker before has written; its line counts as no event."""
        if not self._file.lines:
            return None
        last = EventReader(self._folder / EVENT_FILE, self._key.step).after(self._file.lines - 1, 1)
        content = json.loads(last.data) if last else {}
        if "end" not in content:
            return None
        return Seal(self._key.step, EndKind(content["end"]), content["lines"], content["sha256"])
