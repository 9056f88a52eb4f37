"""The health check of a worker: `python -m cli.worker_healthcheck <run root>`.

Standard library only, 50 ms: every container runs this check twice a minute.
"""

import socket
import sys
import time
from pathlib import Path

__all__ = ["main"]

# A worker touches the lock at each scan: every 60 s at most (`ANAVA_WORKER__SCAN_SECONDS`).
_MAX_AGE_SECONDS = 90.0


def main(run_root: str) -> int:
    """The exit status: 0 when a worker of this machine scanned within 90 s, else 1."""
    machine = socket.gethostname()
    ages = [
        time.time() - lock.stat().st_mtime
        for lock in Path(run_root, "workers").glob("*.lock")
        if lock.read_text() == machine
    ]
    if ages and min(ages) < _MAX_AGE_SECONDS:
        return 0
    seen = f"was seen {min(ages):.0f} s ago" if ages else "was never seen"
    sys.stderr.write(f"A worker of {machine} {seen}.\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
