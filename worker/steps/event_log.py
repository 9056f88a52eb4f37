"""The log of a step on this host: spool → event file → progress."""

import asyncio
import json
import logging
import os
from collections.abc import Callable
from functools import partial
from itertools import accumulate
from pathlib import Path

from adapters.local import atomic_files, disk_space
from adapters.local.event_file import EVENT_FILE, EventFile, read_end_record
from adapters.local.progress import PROGRESS_FILE
from adapters.terraform.output.events import Translator
from adapters.terraform.output.progress import ProgressAccumulator
from deployments.events import LIMIT_NOTICE, EndKind, EndRecord, limit_notice
from deployments.size_limit import OWNER_ADVICE, OWNER_LIMITED, LimitHolder, SizeLimit
from deployments.step import StepKey
from deployments.typical_durations import TypicalDurations

__all__ = ["SPOOL_FILE", "EventLog"]

SPOOL_FILE = "spool"

_log = logging.getLogger("anava.worker")

_DISK_FULL = "the disk of the host was full"
_LIMITED = {
    LimitHolder.DEPLOYMENT: "the log of the deployment has reached its limit",
    LimitHolder.OWNER: OWNER_LIMITED,
}
_ADVICE = {
    LimitHolder.DEPLOYMENT: "An operator can raise the limit.",
    LimitHolder.OWNER: OWNER_ADVICE,
}

# Translating a block takes a thread about 10 ms; the claim is checked between blocks.
_BLOCK_BYTES = 1024 * 1024
# Of at most 256 KB each, and a few hundred bytes in general: a file of the reserve holds 1,000.
_LAST_EVENTS = 500
# Progress is for people: a shorter interval is not visible.
_PROGRESS_SECONDS = 1.0


class EventLog:
    """The single writer of a step's events.

    `check` raises Fenced when this worker no longer owns the step; `durations` is called once, in a
    thread, and reads the typical durations of resources. Beyond `limit` events count for the
    progress and the result alone, and the last event of the file names the limit.
    """

    def __init__(
        self,
        folder: Path,
        key: StepKey,
        translator: Translator,
        check: Callable[[], None],
        durations: Callable[[], TypicalDurations] = TypicalDurations,
        limit: SizeLimit | None = None,
    ) -> None:
        self._folder = folder
        self._limit = limit or SizeLimit()
        self._durations = durations
        self._key = key
        self._check = check
        self._translator = translator
        path = folder / EVENT_FILE
        self._file = disk_space.with_reserve(path, partial(EventFile, path))
        # Translated events that a full disk has refused; written before any later event.
        self._refused: list[bytes] = []
        # Events that the file lacks for good, also where the end record must be written again.
        self._missing = 0
        self._written_before = self._file.lines
        # Bytes of the events in the file and of those that wait; the number of the notice's line.
        self._bytes = self._file.size
        notice = limit_notice(self._file.last_line)
        self._notice = self._file.lines if notice else 0
        is_owners = OWNER_LIMITED in notice
        self._limited = _LIMITED[LimitHolder.OWNER if is_owners else LimitHolder.DEPLOYMENT]
        self._read = 0
        self._progress_at = 0.0
        self._progress_line = -1
        self.seal = read_end_record(folder / EVENT_FILE)

    @property
    def accumulator(self) -> ProgressAccumulator:
        """The progress accumulated from all messages so far."""
        return self._translator.accumulator

    @property
    def crash(self) -> str:
        """The line with which terraform or a provider named its crash; empty without a crash."""
        return self._translator.crash

    @property
    def lines(self) -> int:
        """The number of events, without the end record."""
        return self._translator.lines

    async def pump(self) -> int:
        """Translate the new bytes of the spool into events; return the number of events.

        On a full disk events wait in memory, and the spool is not read further.
        """
        before = self._translator.lines
        # A shorter block is the last; later bytes raise a change event that the caller awaits.
        while await asyncio.to_thread(self._translate_block) == _BLOCK_BYTES:
            pass
        if self._is_progress_due():
            await asyncio.to_thread(self._write_progress, final=False)
        return self._translator.lines - before

    async def close(self, spool_hole: int | None = None) -> EndRecord:
        """Write the rest of the log and the end record if there is none.

        `spool_hole` is the offset in the spool after which terraform's lines may be missing. On a
        disk that stays full the record counts the events that could not be written.
        """
        await asyncio.to_thread(self._write_rest)
        await asyncio.to_thread(self._write_progress, final=True)
        if self.seal is None:
            record = await asyncio.to_thread(self._end_record, spool_hole)
            self._check()
            disk_space.with_reserve(self._folder, partial(self._file.seal, record))
            self.seal = record
        return self.seal

    def release(self) -> None:
        """Close the event file."""
        self._file.close()

    def _translate_block(self) -> int:
        """Read a block of the spool and write the events; return the number of bytes."""
        if self._refused and not self._write_refused():
            return 0
        data = self._read_block()
        if data:
            self._translate(data, final=False)
            self._write_refused()
        return len(data)

    def _read_block(self) -> bytes:
        try:
            fd = os.open(self._folder / SPOOL_FILE, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return b""
        try:
            data = os.pread(fd, _BLOCK_BYTES, self._read)
        finally:
            os.close(fd)
        if data and not self._read:
            self.accumulator.durations = self._durations()
        self._read += len(data)
        return data

    def _translate(self, data: bytes, *, final: bool) -> None:
        first = self._translator.lines + 1
        events = self._translator.translate(data, final=final)
        # Events of a previous worker are in the file; they count for the progress alone.
        skipped = max(0, self._written_before + 1 - first)
        self._refused += self._within_limit(events[skipped:], first + skipped)

    def _within_limit(self, events: list[bytes], first: int) -> list[bytes]:
        """The events that the log may have; in place of the first that is too much, the notice."""
        if self._notice:
            return []
        size = sum(map(len, events)) + len(events)
        if not events or self._limit.reached_by(self._bytes + size) is None:
            self._bytes += size
            return events
        ends = list(accumulate((len(event) + 1 for event in events), initial=self._bytes))
        reached = [self._limit.reached_by(end) for end in ends[1:]]
        fitting = reached.count(None)
        holder = next(filter(None, reached))
        return [*events[:fitting], self._end_with_notice(first + fitting, holder)]

    def _end_with_notice(self, line: int, holder: LimitHolder) -> bytes:
        """The last event of the log, whose later events count alone."""
        self._notice, self._limited = line, _LIMITED[holder]
        text = (
            f"{LIMIT_NOTICE}{self._limited}; terraform continues, and its further output is not "
            f"kept. {_ADVICE[holder]}"
        )
        return self._translator.notice(line, text)

    def _write_refused(self) -> bool:
        """Write the waiting events; whether none is left."""
        self._check()
        try:
            self._file.append(self._refused)
        except OSError as error:
            if not disk_space.is_full(error):
                raise
            return False
        self._refused = []
        return True

    def _write_rest(self) -> None:
        """Translate the rest of the spool, and count the events that cannot be written.

        Events count for the progress also where the disk refuses them.
        """
        while data := self._read_block():
            self._translate(data, final=False)
            self._write_last()
        self._translate(b"", final=True)
        self._write_last()

    def _write_last(self) -> None:
        """Write the waiting events with the reserve; no event follows a missing event."""
        self._check()
        while self._refused and not self._missing:
            part = self._refused[:_LAST_EVENTS]
            try:
                disk_space.with_reserve(self._folder, partial(self._file.append, part))
            except OSError as error:
                if not disk_space.is_full(error):
                    raise
                break
            del self._refused[: len(part)]
        self._missing += len(self._refused)
        self._refused = []

    def _end_record(self, spool_hole: int | None) -> EndRecord:
        step, file = self._key.step, self._file
        missing, place = self._missing, file.lines
        if spool_hole is not None:
            # The number of lines that terraform could not write is unknown.
            missing, place = 0, min(_lines_before(self._folder / SPOOL_FILE, spool_hole), place)
        elif not missing and self._notice:
            before = self._notice - 1
            return EndRecord(
                step,
                EndKind.LIMITED,
                file.lines,
                file.sha256,
                self._translator.lines - before,
                before,
                self._limited,
            )
        elif not missing:
            started = (self._folder / "started.json").exists()
            end = EndKind.COMPLETE if started else EndKind.NOT_STARTED
            return EndRecord(step, end, file.lines, file.sha256)
        return EndRecord(
            step, EndKind.INCOMPLETE, file.lines, file.sha256, missing, place, _DISK_FULL
        )

    def _is_progress_due(self) -> bool:
        if self._progress_line == self._translator.lines:
            return False
        return atomic_files.boot_seconds() - self._progress_at >= _PROGRESS_SECONDS

    def _write_progress(self, *, final: bool) -> None:
        now = atomic_files.boot_seconds()
        self._check()
        content = {
            "format": atomic_files.FORMAT,
            "step": self._key.step,
            "phase": self._translator.phase,
            "until": f"{self._key.step}-{self._notice or self._translator.lines}",
            "counts": self.accumulator.tally(),
            "resources": [vars(resource) for resource in self.accumulator.resources()],
        }
        path, text = self._folder / PROGRESS_FILE, json.dumps(content)
        try:
            if final:
                disk_space.with_reserve(path, partial(atomic_files.replace, path, text))
            else:
                atomic_files.replace(path, text)
        except OSError as error:
            # Written again a second later. The comparison with the state reads the spool.
            if not disk_space.is_full(error):
                raise
            _log.warning("cannot write the progress of %s: %s", self._key, error)
        self._progress_at, self._progress_line = now, self._translator.lines


def _lines_before(spool: Path, offset: int) -> int:
    """The number of lines that begin before an offset."""
    lines, last = 0, b"\n"
    with spool.open("rb") as file:
        while offset > 0 and (block := file.read(min(_BLOCK_BYTES, offset))):
            lines += block.count(b"\n")
            last = block[-1:]
            offset -= len(block)
    return lines + (last != b"\n")
