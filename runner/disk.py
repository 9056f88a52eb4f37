"""The disk below a running terraform: space for its last lines, and the moment when it is full.

Terraform notices nothing when a write to its output fails: it exits with 0 and the lines are lost
(measured). Where it cannot write the state, not even as `errored.tfstate`, it prints the state as
a last resort. So the spool always has space allocated behind its end.
"""

import os

from runner import linux

# Holds the printed state of 2,000 resources (1.5 KB for each, measured) and the messages of a stop.
RESERVE_BYTES = 4 << 20
# 100 MB/s of output are 2 MB in a tick of 20 ms.
_LOW_BYTES = RESERVE_BYTES // 2
# A state on this disk is written anew after each resource: 700 resources take 1 MB.
_MIN_FREE_BYTES = 1 << 20
_METADATA_BYTES = 65536  # 16 blocks of an extent tree, which st_blocks includes
_FREE_POLL_SECONDS = 1.0  # statfs takes 1 µs, but on a network file system a round trip


class SpoolReserve:
    """Keeps space allocated behind the end of the spool.

    `full`: at some moment this disk was full. `hole`: where in the spool terraform's lines may be
    missing, None where the reserve was never used up.
    """

    __slots__ = ("_end", "_next_poll", "_spool", "_supported", "full", "hole")

    def __init__(self, spool: int) -> None:
        """Allocate the reserve; `full` is set where there is no space."""
        self._spool = spool
        self._next_poll = 0.0
        self.full = False
        self.hole: int | None = None
        # Until the first allocation: what a killed runner allocated, without the blocks that a file
        # system uses for itself.
        self._end = os.fstat(spool).st_blocks * 512 - _METADATA_BYTES
        self._supported = True
        self._extend(os.fstat(spool).st_size)

    def watch(self, now: float) -> None:
        """Extend the reserve behind the new lines; to be called in every tick."""
        size = os.fstat(self._spool).st_size
        is_due = now >= self._next_poll
        if is_due:
            self._next_poll = now + _FREE_POLL_SECONDS
            if linux.free_bytes(self._spool) < _MIN_FREE_BYTES:
                self.full = True
        if self._supported and size > self._end - _LOW_BYTES and (is_due or not self.full):
            self._extend(size)
        if self.hole is None and self.full and self._is_used_up(size):
            self.hole = size
        if self.hole is not None and is_due:
            self._end_torn_line(size)

    def release(self) -> None:
        """Free the space behind the end, after terraform's exit."""
        os.ftruncate(self._spool, os.fstat(self._spool).st_size)

    def _extend(self, size: int) -> None:
        try:
            self._supported = linux.allocate(self._spool, size + RESERVE_BYTES)
        except OSError as error:
            if error.errno not in linux.FULL:
                raise
            self.full = True
            return
        self._end = size + RESERVE_BYTES

    def _end_torn_line(self, size: int) -> None:
        """End the line that a full disk cut, so that the next line is not a part of it."""
        if not size or os.pread(self._spool, 1, size - 1) == b"\n":
            return
        try:
            os.write(self._spool, b"\n")
        except OSError as error:
            if error.errno not in linux.FULL:
                raise

    def _is_used_up(self, size: int) -> bool:
        if not self._supported:
            return linux.free_bytes(self._spool) < os.fstat(self._spool).st_blksize
        return size >= self._end
