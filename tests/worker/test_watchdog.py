"""A worker whose event loop is blocked ends; one that was only paused does not."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.servers import ROOT, eventually

LIMIT_SECONDS = 2
# Turns until the first line of its input, then runs the case that the line names.
PROGRAM = """
import asyncio, sys, time
from worker.watchdog import Watchdog

async def main() -> None:
    watching = asyncio.create_task(Watchdog(lambda: None, int(sys.argv[1])).run())
    print("turning", flush=True)
    command = await asyncio.to_thread(sys.stdin.readline)
    if command == "spin\\n":
        while True:
            pass
    if command == "sleep\\n":
        time.sleep(1000)
    watching.cancel()

asyncio.run(main())
"""


def start() -> subprocess.Popen[str]:
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", PROGRAM, str(LIMIT_SECONDS)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "turning\n"
    return process


@pytest.mark.parametrize("command", ["spin", "sleep"])
def test_a_blocked_event_loop_ends_the_process_and_names_the_place(command: str) -> None:
    process = start()
    _, errors = process.communicate(f"{command}\n", 60)
    assert process.returncode == os.EX_SOFTWARE
    assert f"The event loop did not turn for {LIMIT_SECONDS} s." in errors
    assert "in main" in errors


async def test_a_pause_longer_than_the_limit_ends_nothing() -> None:
    process = start()
    process.send_signal(signal.SIGSTOP)
    ticks = _awake_seconds() + 2 * LIMIT_SECONDS
    await eventually(lambda: _awake_seconds() > ticks, "the time of the pause")
    process.send_signal(signal.SIGCONT)
    _, errors = process.communicate("end\n", 60)
    assert (process.returncode, errors) == (0, "")


def _awake_seconds() -> float:
    return float(Path("/proc/uptime").read_text().split()[0])
