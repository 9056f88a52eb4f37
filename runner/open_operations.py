"""Count the resource operations in terraform's output: started, completed, open.

A small parser for three typed messages. Reading happens on demand, from the last offset: until a
stop or a time limit needs the counts, a million lines cost nothing.
"""

import os

MARK = b'"type":"apply_'

_CHUNK_BYTES = 1 << 20  # amortises the system call; small beside 11 MB of interpreter

# Terraform's message of an operation has a few hundred bytes. A longer line is an output or a
# diagnostic, and is skipped instead of held in memory.
_MAX_LINE_BYTES = 1 << 20


class OpenOperations:
    """The operations of a spool, up to the last `read`."""

    __slots__ = ("_line", "_offset", "_open", "_skipping", "_spool", "completed", "started")

    def __init__(self, spool: int) -> None:
        self._spool = spool
        self._offset = 0
        self._line = b""  # the start of an incomplete line
        self._skipping = False  # inside a line longer than the limit
        self._open: dict[str, int] = {}
        self.started = 0
        self.completed = 0

    @property
    def open(self) -> list[str]:
        """Addresses of the resources with an open operation, in the order of their start."""
        return list(self._open)

    @property
    def saving(self) -> bool:
        """Whether operations ran and none is open: terraform only has to save the state."""
        return self.started > 0 and not self._open

    def read(self) -> None:
        """Parse the complete lines that were written since the last call."""
        while chunk := os.pread(self._spool, _CHUNK_BYTES, self._offset):
            self._offset += len(chunk)
            self._add(chunk)

    def _add(self, chunk: bytes) -> None:
        end = chunk.rfind(b"\n") + 1
        if end == 0:
            self._buffer(chunk)
            return
        first = chunk.index(b"\n") + 1
        if not self._skipping:
            self._scan(self._line + chunk[:first])
        self._line, self._skipping = b"", False
        self._scan(chunk[first:end])
        self._buffer(chunk[end:])

    def _buffer(self, part: bytes) -> None:
        if self._skipping or len(self._line) + len(part) > _MAX_LINE_BYTES:
            self._line, self._skipping = b"", True
        else:
            self._line += part

    def _scan(self, lines: bytes) -> None:
        """Parse those of the complete lines that contain the mark.

        The quotes of a mark inside a JSON string are escaped, so a provisioner's output never
        matches.
        """
        at = lines.find(MARK)
        while at >= 0:
            start, end = lines.rfind(b"\n", 0, at) + 1, lines.index(b"\n", at)
            self._parse(lines[start:end])
            at = lines.find(MARK, end)

    def _parse(self, line: bytes) -> None:
        import json  # loaded after terraform has started

        try:
            message = json.loads(line)
            kind, address = message["type"], message["hook"]["resource"]["addr"]
        except (ValueError, TypeError, KeyError, RecursionError):
            return  # a program's output that resembles a message
        if isinstance(address, str):
            self._count(kind, address)

    def _count(self, kind: object, address: str) -> None:
        if kind == "apply_start":
            self.started += 1
            # A replacement has two operations on the same address.
            self._open[address] = self._open.get(address, 0) + 1
        elif kind in ("apply_complete", "apply_errored"):
            self.completed += kind == "apply_complete"
            left = self._open.pop(address, 0) - 1
            if left > 0:
                self._open[address] = left
