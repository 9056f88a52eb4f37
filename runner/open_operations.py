"""What terraform's output says about resource operations: how many started, how many are open.

A small parser of its own, for three of the typed messages. It reads only when it is asked, from
where it stopped: while nothing has to be judged, a million lines cost nothing.
"""

import os

MARK = b'"type":"apply_'

_CHUNK_BYTES = 1 << 20  # large enough that a call costs nothing, small beside 11 MB of interpreter

# Terraform's messages of an operation have some hundred bytes. A longer line is an output or a
# diagnostic, and is skipped instead of held in memory.
_LONGEST_LINE_BYTES = 1 << 20


class OpenOperations:
    """The operations of one spool, as far as it was read."""

    __slots__ = ("_line", "_offset", "_open", "_skipping", "_spool", "completed", "started")

    def __init__(self, spool: int) -> None:
        self._spool = spool
        self._offset = 0
        self._line = b""  # the start of a line whose end is not written yet
        self._skipping = False  # inside a line that is too long
        self._open: dict[str, int] = {}
        self.started = 0
        self.completed = 0

    @property
    def open(self) -> list[str]:
        """Addresses of resources whose operation has not ended, in the order of their start."""
        return list(self._open)

    @property
    def saving(self) -> bool:
        """Operations ran and none is open: all that is left to do is to save the state."""
        return self.started > 0 and not self._open

    def read(self) -> None:
        """Take in what was written since the last time; complete lines only."""
        while chunk := os.pread(self._spool, _CHUNK_BYTES, self._offset):
            self._offset += len(chunk)
            self._take(chunk)

    def _take(self, chunk: bytes) -> None:
        end = chunk.rfind(b"\n") + 1
        if end == 0:
            self._keep(chunk)
            return
        first = chunk.index(b"\n") + 1
        if not self._skipping:
            self._scan(self._line + chunk[:first])
        self._line, self._skipping = b"", False
        self._scan(chunk[first:end])
        self._keep(chunk[end:])

    def _keep(self, part: bytes) -> None:
        if self._skipping or len(self._line) + len(part) > _LONGEST_LINE_BYTES:
            self._line, self._skipping = b"", True
        else:
            self._line += part

    def _scan(self, lines: bytes) -> None:
        """Look at whole lines; only those that hold the mark are parsed.

        Inside a JSON text the mark's quotes are escaped: what a provisioner prints does not match.
        """
        at = lines.find(MARK)
        while at >= 0:
            start, end = lines.rfind(b"\n", 0, at) + 1, lines.index(b"\n", at)
            self._fold(lines[start:end])
            at = lines.find(MARK, end)

    def _fold(self, line: bytes) -> None:
        import json  # after terraform was started, as everything here

        try:
            message = json.loads(line)
            kind, address = message["type"], message["hook"]["resource"]["addr"]
        except (ValueError, TypeError, KeyError, RecursionError):
            return  # not ours: some program's text that looks a little like it
        if isinstance(address, str):
            self._count(kind, address)

    def _count(self, kind: object, address: str) -> None:
        if kind == "apply_start":
            self.started += 1
            # A count: a replacement works on the same address twice.
            self._open[address] = self._open.get(address, 0) + 1
        elif kind in ("apply_complete", "apply_errored"):
            self.completed += kind == "apply_complete"
            left = self._open.pop(address, 0) - 1
            if left > 0:
                self._open[address] = left
