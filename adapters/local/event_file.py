"""The event file: one step's log on this machine, one JSON event a line."""

import hashlib
import os
from pathlib import Path

from deployments.errors import LogGap
from deployments.events import EventChunk

__all__ = ["EVENT_FILE", "EventFile", "EventReader", "has_end"]

EVENT_FILE = "events.jsonl"

# Reading back a file at adoption; a block is small beside the worker and large beside a call.
_BLOCK_BYTES = 1024 * 1024


class EventFile:
    """The one writer's view. Opening cuts a torn last line and takes up the count and the hash.

    Whoever writes the same lines twice writes the same bytes at the same place, so a worker that
    was paused between its check and its write can do no harm.
    """

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._hash = hashlib.sha256()
        self.lines = 0
        self._size = 0
        self._take_up()

    def append(self, events: list[bytes]) -> None:
        """Write the next events; each is one line without its newline."""
        if not events:
            return
        data = b"\n".join(events) + b"\n"
        done = 0
        while done < len(data):
            done += os.pwrite(self._fd, data[done:], self._size + done)
        self._hash.update(data)
        self._size += len(data)
        self.lines += len(events)

    def write(self, chunk: EventChunk) -> None:
        """Write a chunk; lines that are there already are left alone.

        Raises:
            LogGap: the chunk starts behind the next line.
        """
        if chunk.first > self.lines + 1:
            raise LogGap(f"line {self.lines + 1} of step {chunk.step} is missing")
        self.append(chunk.data.splitlines()[self.lines + 1 - chunk.first :])

    @property
    def sha256(self) -> str:
        """Over all lines so far."""
        return self._hash.hexdigest()

    def close(self) -> None:
        """Let go of the descriptor."""
        os.close(self._fd)

    def _take_up(self) -> None:
        torn = b""
        while block := os.pread(self._fd, _BLOCK_BYTES, self._size + len(torn)):
            block = torn + block
            end = block.rfind(b"\n") + 1
            self._hash.update(block[:end])
            self.lines += block.count(b"\n", 0, end)
            self._size += end
            torn = block[end:]
        if torn:
            os.ftruncate(self._fd, self._size)


class EventReader:
    """A cursor in an event file that others write."""

    def __init__(self, path: Path, step: int) -> None:
        self._path = path
        self._step = step
        self._line = 0
        self._offset = 0
        # Where the last chunk began: who could not deliver it asks for it again.
        self._back = (0, 0)

    def after(self, line: int, most_bytes: int) -> EventChunk | None:
        """Complete lines behind `line`, about `most_bytes` of them; None when there is none yet.

        A single line longer than that is returned whole.
        """
        if line < self._line:
            self._line, self._offset = self._back if self._back[0] <= line else (0, 0)
        try:
            fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            return self._read(fd, line, most_bytes)
        finally:
            os.close(fd)

    def _read(self, fd: int, line: int, most_bytes: int) -> EventChunk | None:
        while self._line < line:
            block = self._complete(fd, _BLOCK_BYTES)
            if not block:
                return None
            self._skip(block, line - self._line)
        data = self._complete(fd, most_bytes)
        if not data:
            return None
        self._back = (self._line, self._offset)
        first = self._line + 1
        self._line += data.count(b"\n")
        self._offset += len(data)
        return EventChunk(self._step, first, self._line, data)

    def _skip(self, block: bytes, wanted: int) -> None:
        there = block.count(b"\n")
        if there <= wanted:
            self._offset += len(block)
            self._line += there
            return
        at = -1
        for _ in range(wanted):
            at = block.index(b"\n", at + 1)
        self._offset += at + 1
        self._line += wanted

    def _complete(self, fd: int, most_bytes: int) -> bytes:
        """Complete lines from the cursor on."""
        size = most_bytes
        while True:
            block = os.pread(fd, size, self._offset)
            end = block.rfind(b"\n") + 1
            if end or len(block) < size:
                return block[:end]
            size *= 2


def has_end(path: Path) -> bool:
    """Whether an event file's last line is its end record."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            # An end record has about 120 bytes.
            file.seek(max(0, size - 256))
            tail = file.read()
    except FileNotFoundError:
        return False
    last = tail[:-1].rpartition(b"\n")[2]
    return tail.endswith(b"\n") and b'"end":' in last and b'"sha256":' in last
