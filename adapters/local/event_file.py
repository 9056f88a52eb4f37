"""The event file: the log of a step on this host, a JSON event a line."""

import hashlib
import os
import threading
from pathlib import Path

from adapters.local import disk_space
from deployments.events import EndRecord, EventChunk, last_end_record

__all__ = ["EVENT_FILE", "EventFile", "EventReader", "read_end_record"]

EVENT_FILE = "events.jsonl"

# A block is small beside the worker's memory and large beside the cost of a system call.
_BLOCK_BYTES = 1024 * 1024
# An end record has about 120 bytes, that of a log with a hole a sentence more: 500 characters of
# JSON at 12 bytes each.
_TAIL_BYTES = 8 * 1024
# Allocated behind the end at a time: one system call for 256 flushes of 1 KB.
_AHEAD_BYTES = 256 * 1024


class EventFile:
    """Appends events for the single writer of a step.

    `last_line` is the last line that the opened file had. Space for the end record is always
    allocated, where the file system can do this; a file with an end record gets none.

    Opening cuts a torn last line and reads the file to count and hash the lines; on a full disk it
    raises the OSError of `disk_space.is_full`. A worker that
    was paused between claim check and write does no harm: a repeated line has the same
    bytes at the same offset.
    """

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        # A cancelled task leaves its thread writing: `close` waits for that thread, and a later
        # write fails rather than reach another file that has got the same descriptor.
        self._lock = threading.Lock()
        self._hash = hashlib.sha256()
        self.lines = 0
        self.last_line = b""
        self._size = 0
        self._allocated = 0
        try:
            self._read_back()
            if read_end_record(path) is None:
                self._allocate(self._size + _TAIL_BYTES)
        except OSError:
            os.close(self._fd)
            raise

    def append(self, events: list[bytes]) -> None:
        """Write the next events, each a line without newline.

        On a full disk the OSError of `disk_space.is_full`; then none of the events is written.
        """
        if events:
            data = b"\n".join(events) + b"\n"
            self._allocate(self._size + len(data) + _TAIL_BYTES)
            self._append(data, len(events))

    def seal(self, record: EndRecord) -> None:
        """Write the end record, for which space is allocated, and free the space behind it."""
        self._append(record.encode(), 1)
        os.ftruncate(self._fd, self._size)

    def _allocate(self, end: int) -> None:
        if end <= self._allocated:
            return
        try:
            disk_space.allocate(self._fd, end + _AHEAD_BYTES)
            self._allocated = end + _AHEAD_BYTES
        except OSError as error:
            if not disk_space.is_full(error):
                raise
            disk_space.allocate(self._fd, end)
            self._allocated = end

    def _append(self, data: bytes, lines: int) -> None:
        done = 0
        with self._lock:
            while done < len(data):
                done += os.pwrite(self._fd, data[done:], self._size + done)
        self._hash.update(data)
        self._size += len(data)
        self.lines += lines

    @property
    def size(self) -> int:
        """The bytes of all lines in the file."""
        return self._size

    @property
    def sha256(self) -> str:
        """The hash of all lines in the file, as hexadecimal digits."""
        return self._hash.hexdigest()

    def close(self) -> None:
        """Close the file descriptor."""
        with self._lock:
            os.close(self._fd)
            self._fd = -1

    def _read_back(self) -> None:
        torn = b""
        while block := os.pread(self._fd, _BLOCK_BYTES, self._size + len(torn)):
            block = torn + block
            end = block.rfind(b"\n") + 1
            self.last_line = block[block.rfind(b"\n", 0, max(0, end - 1)) + 1 : end]
            self._hash.update(block[:end])
            self.lines += block.count(b"\n", 0, end)
            self._size += end
            torn = block[end:]
        if torn:
            os.ftruncate(self._fd, self._size)


class EventReader:
    """Reads an event file that another process writes; retains the offset between calls."""

    def __init__(self, path: Path, step: int) -> None:
        self._path = path
        self._step = step
        self._line = 0
        self._offset = 0
        # The start of the last chunk: after a failed delivery the same chunk is read again.
        self._last_start = (0, 0)

    def after(self, line: int, max_bytes: int) -> EventChunk | None:
        """Read complete lines after `line`, at most `max_bytes`, but at least one line.

        None when the file has no such line yet.
        """
        if line < self._line:
            self._line, self._offset = self._last_start if self._last_start[0] <= line else (0, 0)
        try:
            fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            return self._read(fd, line, max_bytes)
        finally:
            os.close(fd)

    def _read(self, fd: int, line: int, max_bytes: int) -> EventChunk | None:
        while self._line < line:
            block = self._complete(fd, _BLOCK_BYTES)
            if not block:
                return None
            self._skip(block, line - self._line)
        data = self._complete(fd, max_bytes)
        if not data:
            return None
        self._last_start = (self._line, self._offset)
        first = self._line + 1
        self._line += data.count(b"\n")
        self._offset += len(data)
        return EventChunk(self._step, first, self._line, data)

    def _skip(self, block: bytes, lines: int) -> None:
        in_block = block.count(b"\n")
        if in_block <= lines:
            self._offset += len(block)
            self._line += in_block
            return
        at = -1
        for _ in range(lines):
            at = block.index(b"\n", at + 1)
        self._offset += at + 1
        self._line += lines

    def _complete(self, fd: int, max_bytes: int) -> bytes:
        """Read complete lines at the offset; the size doubles while no newline is in the block."""
        size = max_bytes
        while True:
            block = os.pread(fd, size, self._offset)
            end = block.rfind(b"\n") + 1
            if end or len(block) < size:
                return block[:end]
            size *= 2


def read_end_record(path: Path) -> EndRecord | None:
    """Read the end record of an event file; None when the file has none or does not exist."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            return last_end_record(file.read())
    except FileNotFoundError:
        return None
