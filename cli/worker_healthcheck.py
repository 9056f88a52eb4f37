"""The health check of a worker: `python -m cli.worker_healthcheck <run root>`.

Standard library only, 50 ms: every container runs this check twice a minute.
"""

import socket
import sys
import time
from pathlib import Path

__all__ = ["main"]

# A worker shows life once a second, and exits after 30 s without (`worker/watchdog.py`). The rest
# is for the start of the next process.
_MAX_AGE_SECONDS = 60.0


def main(run_root: str) -> int:
    """The exit status: 0 when a worker of this machine showed life within 60 s, else 1."""
    machine = socket.gethostname()
    # As `adapters/local/host_report.py`: the modification time is on the boot clock.
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    ages = [
        now - lock.stat().st_mtime
        for lock in Path(run_root, "workers").glob("*.lock")
        if lock.read_text() == machine
    ]
    # A time in the future was written before the last boot.
    ages = [age for age in ages if age >= 0]
    if ages and min(ages) < _MAX_AGE_SECONDS:
        return 0
    seen = f"was seen {min(ages):.0f} s ago" if ages else "was never seen"
    sys.stderr.write(f"A worker of {machine} {seen}.\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
