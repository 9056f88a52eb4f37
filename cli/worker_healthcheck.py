"""The health check of a worker: `python -m cli.worker_healthcheck <run root>`.

Standard library only, 50 ms: it runs twice a minute in every container.
"""

import socket
import sys
import time
from pathlib import Path

__all__ = ["main"]

# A worker shows itself at each scan of its run root; `ANAVA_WORKER__SCAN_SECONDS` is 60 at most.
_LONGEST_SECONDS = 90.0


def main(run_root: str) -> int:
    """The exit status: 0 when one showed itself lately."""
    machine = socket.gethostname()
    ages = [
        time.time() - lock.stat().st_mtime
        for lock in Path(run_root, "workers").glob("*.lock")
        if lock.read_text() == machine
    ]
    if ages and min(ages) < _LONGEST_SECONDS:
        return 0
    seen = f"was seen {min(ages):.0f} s ago" if ages else "was never seen"
    sys.stderr.write(f"A worker of {machine} {seen}.\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
