"""Which lock a step's terraform holds: noted while it lives, removed when it died."""

import asyncio
import fcntl
import json
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from adapters.terraform.state.backends import LocalStateBackend
from adapters.terraform.state.gcs import GcsStateBackend
from adapters.terraform.state.lock_record import LockRecord
from deployments.errors import Unavailable
from tests.adapters.terraform.state.bucket import NOW, locked
from tests.support import stores
from tests.support.servers import eventually


def step(folder: Path, hostname: str = "host-1", started_at: datetime = NOW) -> Path:
    folder.mkdir()
    started = {"hostname": hostname, "started_at": started_at.isoformat()}
    (folder / "started.json").write_text(json.dumps(started))
    return folder


@contextmanager
def living(folder: Path) -> Iterator[None]:
    """Terraform's own lock is held as long as it lives."""
    with (folder / "alive.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


async def is_noted(folder: Path, state: GcsStateBackend) -> bool:
    LockRecord(folder, state).record()
    await asyncio.gather(*(task for task in asyncio.all_tasks() if task.get_name() == "lock"))
    return (folder / "lock.json").exists()


async def test_a_log_of_many_lines_asks_for_a_foreign_lock_once_a_second(
    state: GcsStateBackend, tmp_path: Path
) -> None:
    """Each step of a log, 200 a second, asked the server for a lock that was not ours."""
    folder = step(tmp_path / "3")
    locked(state, Who="me@laptop")
    held = LockRecord(folder, state)
    asked = 0
    with living(folder):
        for _ in range(50):
            held.record()
            tasks = [task for task in asyncio.all_tasks() if task.get_name() == "lock"]
            asked += len(tasks)
            await asyncio.gather(*tasks)
    # Once, but for a machine that stands still for seconds.
    assert asked < 5


async def test_nobody_looks_for_a_lock_that_ends_with_its_holder(tmp_path: Path) -> None:
    held = LockRecord(step(tmp_path / "3"), LocalStateBackend(tmp_path / "terraform.tfstate"))
    held.record()
    assert [task for task in asyncio.all_tasks() if task.get_name() == "lock"] == []


async def test_the_lock_of_a_dead_terraform_is_removed_once_and_only_that(
    state: GcsStateBackend, tmp_path: Path
) -> None:
    folder = step(tmp_path / "3")
    locked(state)
    with living(folder):
        assert await is_noted(folder, state)
    LockRecord(folder, state).release()
    assert state.lock() is None
    theirs = locked(state)
    LockRecord(folder, state).release()
    assert state.lock() == theirs


async def test_a_lock_that_cannot_be_removed_now_is_removed_later(
    server: stores.Store, state: GcsStateBackend, tmp_path: Path
) -> None:
    folder = step(tmp_path / "3")
    locked(state)
    with living(folder):
        assert await is_noted(folder, state)
    server.signal(signal.SIGKILL)
    await eventually(lambda: refuses(server), "the end of the server")
    with pytest.raises(Unavailable):
        LockRecord(folder, state).release()
    server.kill()
    server.start()
    await server.until_up()
    LockRecord(folder, state).release()
    assert state.lock() is None


def refuses(server: stores.Store) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", server.port)) != 0


async def test_a_terraform_that_ended_well_is_not_asked_about(
    state: GcsStateBackend, tmp_path: Path
) -> None:
    folder = step(tmp_path / "3")
    lock = locked(state)
    with living(folder):
        assert await is_noted(folder, state)
    (folder / "exit.json").write_text('{"exit_code": 0}')
    LockRecord(folder, state).release()
    assert state.lock() == lock


@pytest.mark.parametrize(
    ("who", "created_at"),
    [
        ("anava@host-2", NOW),
        ("host-1", NOW - timedelta(seconds=1)),
        ("anava@host-1", NOW - timedelta(days=1)),
        ("anava@host-1.example", NOW),
        ("host-1@laptop", NOW),
        ("", NOW),
    ],
)
async def test_a_foreign_lock_is_not_noted(
    state: GcsStateBackend, tmp_path: Path, who: str, created_at: datetime
) -> None:
    folder = step(tmp_path / "3")
    locked(state, Who=who, Created=created_at.isoformat())
    with living(folder):
        assert not await is_noted(folder, state)


async def test_the_lock_that_is_there_after_terraforms_end_is_not_noted(
    state: GcsStateBackend, tmp_path: Path
) -> None:
    locked(state)
    dead, ended = step(tmp_path / "3"), step(tmp_path / "4")
    assert not await is_noted(dead, state)
    (ended / "exit.json").write_text("{}")
    with living(ended):
        assert not await is_noted(ended, state)
