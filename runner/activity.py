"""Signs of work other than output: CPU time and I/O of terraform and its descendants."""

import os

from runner import linux

# A share of a core over the no-progress limit: 3 s in 5 minutes. A terraform that waits for an
# answer that never comes uses 0.01 % (measured over 140 s), a plan of 1,000 resources a whole core.
_CPU_SHARE = 0.01
# A provider that waits for an operation at Google with little CPU polls the operation's status: two
# requests with headers, TLS and answers exceed this (Go uses read(2) and write(2) on sockets, which
# the kernel counts). A terraform that waits for an answer that
# never comes read and wrote 48 bytes in 140 s (measured); the pings of an idle HTTP/2 connection,
# every 30 s, take 1 KB in 5 minutes.
_IO_BYTES = 4096
# Reading /proc takes 25 µs a process; 20 times within the limit, at most every 5 s.
_SAMPLES = 20
_MAX_PAUSE_SECONDS = 5.0

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class Activity:
    """The work of a session's processes, without this process."""

    __slots__ = ("_bytes", "_limit_seconds", "_next_sample", "_session", "_ticks", "_used")

    def __init__(self, session: int, limit_seconds: float) -> None:
        self._session = session
        self._limit_seconds = limit_seconds
        self._next_sample = 0.0
        # By pid and start time: CPU ticks and bytes at the last sample.
        self._used: dict[tuple[int, int], tuple[int, int]] = {}
        self._ticks = 0
        self._bytes = 0

    def is_seen(self, now: float) -> bool:
        """Whether the work since the last True is enough to count as progress."""
        if now < self._next_sample:
            return False
        self._next_sample = now + min(self._limit_seconds / _SAMPLES, _MAX_PAUSE_SECONDS)
        self._add_sample()
        cpu_seconds = self._ticks / _TICKS_PER_SECOND
        if cpu_seconds < _CPU_SHARE * self._limit_seconds and self._bytes < _IO_BYTES:
            return False
        self._ticks = self._bytes = 0
        return True

    def _add_sample(self) -> None:
        """Add what each process has used since the last sample; a new process used all of it."""
        me = os.getpid()
        used = {
            (process.pid, process.start_ticks): (process.cpu_ticks, linux.io_bytes(process.pid))
            for process in linux.processes()
            if process.session == self._session and process.pid != me
        }
        for process, (ticks, count) in used.items():
            before_ticks, before_count = self._used.get(process, (0, 0))
            self._ticks += max(0, ticks - before_ticks)
            self._bytes += max(0, count - before_count)
        self._used = used
