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
from cli.processes import Backoff, ChildProcess, Patience, until_ready

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


# A test waits two seconds where `anava up` waits a minute; a busy child works in them, also beside
# other tests.
_PATIENCE = Patience(idle_seconds=2.0, min_work_seconds=0.02, max_exits=3)
_WORK = "import time\nwhile time.process_time() < 3: pass\n"


async def test_a_child_that_works_is_waited_for_longer_than_an_idle_child(tmp_path: Path) -> None:
    """A slow machine was given 60 s, however far the start had come."""
    ready = tmp_path / "ready"
    child = _child(tmp_path, f"{_WORK}open({str(ready)!r}, 'w').close(); {_PAUSE}")
    child.start()

    async def is_ready() -> bool:
        return ready.exists()

    await until_ready(is_ready, [child], tmp_path, _PATIENCE)

    with pytest.raises(CannotStart, match=r"^Not ready: tiny did nothing for 2 s; see "):
        await until_ready(_never, [child], tmp_path, _PATIENCE)
    await child.stop(10)


async def test_a_child_that_exits_again_and_again_is_named_with_its_status(tmp_path: Path) -> None:
    child = _child(tmp_path, "raise SystemExit(7)")
    child.start()

    with pytest.raises(CannotStart, match=r"^tiny exited [3-9] times, last with status 7; see "):
        await until_ready(_never, [child], tmp_path, _PATIENCE)
    await child.stop(10)


async def test_a_condition_that_hangs_counts_as_not_met(tmp_path: Path) -> None:
    child = _child(tmp_path, _PAUSE)
    child.start()

    with pytest.raises(CannotStart, match="did nothing"):
        await until_ready(_hangs, [child], tmp_path, _PATIENCE)
    await child.stop(10)


async def test_a_log_file_that_cannot_be_opened_is_an_error_of_the_start(tmp_path: Path) -> None:
    child = ChildProcess(
        "tiny", [sys.executable, "-c", _PAUSE], base_environment(), tmp_path / "none" / "log"
    )
    child.start()

    with pytest.raises(FileNotFoundError):
        await until_ready(_never, [child], tmp_path, _PATIENCE)


async def _never() -> bool:
    return False


async def _hangs() -> bool:
    return await asyncio.Event().wait()


_FLOOD = """
import os, sys
print("x" * (12 * 1024 * 1024), flush=True)
while os.fstat(1).st_size: pass
print("after", flush=True)
"""


async def test_a_log_file_stays_small_however_much_the_child_writes(tmp_path: Path) -> None:
    child = _child(tmp_path, _FLOOD + _PAUSE)
    child.start()

    async def is_rotated() -> bool:
        # At the start of the file: the child's next line follows no hole.
        return (tmp_path / "log").exists() and (tmp_path / "log").read_bytes() == b"after\n"

    await wait_until(is_rotated, 60, "the rotation did not come")
    await child.stop(10)

    assert (tmp_path / "log.1").stat().st_size == 10 * 1024 * 1024
