"""A child that dies comes back; a stop ends it for good."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.settings import base_environment
from cli.local_environment import CannotStart, lock, wait_until, wait_until_released
from cli.processes import Backoff, ChildProcess

_BACKOFF = Backoff(first_seconds=0.01, max_seconds=0.02)
_PAUSE = "import signal; signal.pause()"


def _child(tmp_path: Path, code: str) -> ChildProcess:
    return ChildProcess(
        "tiny", [sys.executable, "-c", code], base_environment(), tmp_path / "log", _BACKOFF
    )


async def _running(child: ChildProcess, starts: int) -> int:
    async def look() -> bool:
        return child.starts == starts and child.pid is not None

    await wait_until(look, 10, f"start {starts} did not come")
    assert child.pid is not None
    return child.pid


async def test_a_child_that_is_killed_is_started_again(tmp_path: Path) -> None:
    child = _child(tmp_path, _PAUSE)
    child.start()

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
    child.start()

    async def up() -> bool:
        await asyncio.sleep(0)
        return (tmp_path / "log").exists() and b"up" in (tmp_path / "log").read_bytes()

    await wait_until(up, 10, "the child's line did not come")

    assert await child.stop(0.1) == -signal.SIGKILL


async def test_a_child_holds_the_folder_of_a_parent_that_is_gone(tmp_path: Path) -> None:
    with lock(tmp_path) as held:
        child = ChildProcess(
            "tiny", [sys.executable, "-c", _PAUSE], base_environment(), None, _BACKOFF
        )
        child.start(inherited=(held,))
        await _running(child, 1)
    # As after a kill: who took the folder is no process any more.
    (tmp_path / "up.lock").write_text(str(_no_process()))
    waiting = asyncio.create_task(wait_until_released(tmp_path))
    done, _ = await asyncio.wait({waiting}, timeout=0.3)
    assert not done
    with pytest.raises(CannotStart, match="Another `anava up`"), lock(tmp_path):
        pass

    await child.stop(10)
    await waiting

    with lock(tmp_path):
        await wait_until_released(tmp_path)


def _no_process() -> int:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid
