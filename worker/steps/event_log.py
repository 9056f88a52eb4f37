"""The log of a step on this host: spool → event file → progress."""

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path

from adapters.local import atomic_files
from adapters.local.event_file import EVENT_FILE, EventFile, read_end_record
from adapters.local.progress import PROGRESS_FILE
from adapters.terraform.output.events import Translator
from adapters.terraform.output.messages import ProgressAccumulator
from deployments.events import EndKind, EndRecord
from deployments.step import StepKey
from deployments.typical_durations import TypicalDurations

__all__ = ["SPOOL_FILE", "EventLog"]

SPOOL_FILE = "spool"

# Translating a block takes a thread about 10 ms; the claim is checked between blocks.
_BLOCK_BYTES = 1024 * 1024
# Progress is for people: a shorter interval is not visible.
_PROGRESS_SECONDS = 1.0


class EventLog:
    """The single writer of a step's events.

    `check` raises Fenced when this worker no longer owns the step; `durations` is called once, in a
    thread, and reads the typical durations of resources.
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
        self._written_before = self._file.lines
        self._read = 0
        self._progress_at = 0.0
        self._progress_line = -1
        self.seal = read_end_record(folder / EVENT_FILE)

    @property
    def accumulator(self) -> ProgressAccumulator:
        """The progress accumulated from all messages so far."""
        return self._translator.accumulator

    @property
    def lines(self) -> int:
        """The number of events, without the end record."""
        return self._translator.lines

    async def pump(self) -> int:
        """Translate the new bytes of the spool into events; return the number of events."""
        before = self._translator.lines
        # A shorter block is the last; later bytes raise a change event that the caller awaits.
        while await asyncio.to_thread(self._translate_block) == _BLOCK_BYTES:
            pass
        await asyncio.to_thread(self._write_progress, final=False)
        return self._translator.lines - before

    async def close(self) -> EndRecord:
        """Write the end record if there is none; the whole spool must have been pumped."""
        await asyncio.to_thread(self._write, b"", final=True)
        await asyncio.to_thread(self._write_progress, final=True)
        if self.seal is None:
            step, file = self._key.step, self._file
            started = (self._folder / "started.json").exists()
            end = EndKind.COMPLETE if started else EndKind.NOT_STARTED
            record = EndRecord(step, end, file.lines, file.sha256)
            self._check()
            file.append([record.encode().rstrip()])
            self.seal = record
        return self.seal

    def release(self) -> None:
        """Close the event file."""
        self._file.close()

    def _translate_block(self) -> int:
        """Read a block of the spool and write the events; return the number of bytes."""
        try:
            fd = os.open(self._folder / SPOOL_FILE, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return 0
        try:
            data = os.pread(fd, _BLOCK_BYTES, self._read)
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
        # Events of a previous worker are in the file; they count for the progress alone.
        new = events[max(0, self._written_before + 1 - first) :]
        self._check()
        self._file.append(new)

    def _write_progress(self, *, final: bool) -> None:
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
            "resources": [vars(resource) for resource in self.accumulator.resources()],
        }
        atomic_files.replace(self._folder / PROGRESS_FILE, json.dumps(content))
