"""A child that dies comes back; a stop ends it for good."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from adapters.settings import base_environment
from cli.local import eventually
from cli.supervise import Backoff, Child

_BACKOFF = Backoff(first_seconds=0.01, most_seconds=0.02)


def _child(tmp_path: Path, code: str) -> Child:
    return Child(
        "tiny", [sys.executable, "-c", code], base_environment(), tmp_path / "log", _BACKOFF
    )


async def _running(child: Child, starts: int) -> int:
    async def look() -> bool:
        return child.starts == starts and child.pid is not None

    await eventually(look, 10, f"start {starts} did not come")
    assert child.pid is not None
    return child.pid


async def test_a_child_that_is_killed_is_started_again(tmp_path: Path) -> None:
    child = _child(tmp_path, "import signal; signal.pause()")
    child.begin()

    first = await _running(child, 1)
    os.kill(first, signal.SIGKILL)
    second = await _running(child, 2)
    status = await child.stop(10)

    assert second != first
    assert status == -signal.SIGTERM
    assert child.pid is None


async def test_a_child_that_ignores_the_signal_is_killed_after_the_deadline(tmp_path: Path) -> None:
    code = "import signal; signal.signal(15, signal.SIG_IGN); print('up', flush=True)"
    child = _child(tmp_path, f"{code}; signal.pause()")
    child.begin()

    async def up() -> bool:
        await asyncio.sleep(0)
        return (tmp_path / "log").exists() and b"up" in (tmp_path / "log").read_bytes()

    await eventually(up, 10, "the child's line did not come")

    assert await child.stop(0.1) == -signal.SIGKILL
