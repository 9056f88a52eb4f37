"""What the kernel counts of a process."""

import os
from pathlib import Path

__all__ = ["Usage"]

_TICKS = os.sysconf("SC_CLK_TCK")
_RESET_PEAK = "5"  # proc(5), clear_refs


class Usage:
    """CPU time of a process since this was made, and its largest memory since then."""

    def __init__(self, pid: int) -> None:
        self._process = Path(f"/proc/{pid}")
        (self._process / "clear_refs").write_text(_RESET_PEAK)
        self._cpu = self._cpu_seconds()
        self.memory_before_mb = self._memory("VmRSS")

    @property
    def cpu_seconds(self) -> float:
        """Since the beginning, of all its threads."""
        return self._cpu_seconds() - self._cpu

    @property
    def peak_mb(self) -> float:
        """The most memory since the beginning."""
        return self._memory("VmHWM")

    def _cpu_seconds(self) -> float:
        fields = (self._process / "stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def _memory(self, name: str) -> float:
        for line in (self._process / "status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) / 1024
        raise LookupError(name)
