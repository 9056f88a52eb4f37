"""Processes of this machine: by the folder that they work in, and what the kernel counts."""

import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

__all__ = [
    "PeakUsage",
    "Usage",
    "children",
    "command_line",
    "end_processes",
    "end_processes_below",
    "open_files",
    "open_files_below",
    "processes_below",
]

_TICKS = os.sysconf("SC_CLK_TCK")
_RESET_PEAK = "5"  # proc(5), clear_refs


def children(pid: int) -> list[int]:
    """Pids of the processes that any thread of a process started; none of an ended process."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return []
    pids = []
    for thread in threads:
        # A thread may end between the list and the reading.
        with suppress(OSError):
            pids += [int(child) for child in (thread / "children").read_text().split()]
    return pids


def command_line(pid: int) -> str:
    """The words of a process, with spaces between; empty of an ended process."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def processes_below(folder: Path) -> list[int]:
    """Pids whose working directory lies below a folder."""
    pids = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            where = (process / "cwd").readlink()
        except OSError:
            continue
        if where.is_relative_to(folder):
            pids.append(int(process.name))
    return pids


def end_processes(pids: Iterable[int], number: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to each process, in this order."""
    for pid in pids:
        # It may end by itself between the list and the signal.
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def end_processes_below(folder: Path) -> None:
    """Send SIGKILL to each process whose working directory lies below a folder."""
    end_processes(processes_below(folder))


def open_files(pid: int) -> list[Path]:
    """What the descriptors of a process refer to; nothing of a process that has ended."""
    targets = []
    try:
        descriptors = list(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return []
    for descriptor in descriptors:
        try:
            targets.append(descriptor.readlink())
        except OSError:
            continue
    return targets


def open_files_below(pid: int, folder: Path) -> list[Path]:
    """Files below a folder that a process holds open; none of a process that has ended."""
    return [target for target in open_files(pid) if target.is_relative_to(folder)]


class Usage:
    """CPU time of a process since this was made, and its memory; any user may read both."""

    def __init__(self, pid: int) -> None:
        self._process = Path(f"/proc/{pid}")
        self._cpu = self._cpu_seconds()

    @property
    def cpu_seconds(self) -> float:
        """Since the beginning, of all its threads."""
        return self._cpu_seconds() - self._cpu

    @property
    def memory_mb(self) -> float:
        """The resident memory now."""
        return self._memory("VmRSS")

    def _cpu_seconds(self) -> float:
        fields = (self._process / "stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def _memory(self, name: str) -> float:
        for line in (self._process / "status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) / 1024
        raise LookupError(name)


class PeakUsage(Usage):
    """Also the largest memory since this was made.

    Of a process that is closed to debuggers, as worker and API are, only root may reset it.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(pid)
        (self._process / "clear_refs").write_text(_RESET_PEAK)
        self.memory_before_mb = self.memory_mb

    @property
    def peak_mb(self) -> float:
        """The most memory since the beginning."""
        return self._memory("VmHWM")
