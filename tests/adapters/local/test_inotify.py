"""A change in a folder wakes whoever waits for it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.local.inotify import FileChanges

LONG = 30.0


@pytest.fixture
async def changes() -> AsyncIterator[FileChanges]:
    changes = FileChanges()
    yield changes
    changes.close()


async def test_a_change_before_the_waiting_is_noticed(changes: FileChanges, tmp_path: Path) -> None:
    with changes.watch(tmp_path) as watch:
        (tmp_path / "spool").write_text("line")
        await asyncio.wait_for(watch.changed(LONG), LONG / 2)


async def test_more_changes_than_are_read_at_once_lose_none(
    changes: FileChanges, tmp_path: Path
) -> None:
    with changes.watch(tmp_path, frozenset({"last"})) as last:
        for number in range(3000):
            (tmp_path / str(number)).touch()
        (tmp_path / "last").touch()
        await asyncio.wait_for(last.changed(LONG), LONG / 2)


@pytest.mark.parametrize("name", ["with\nnewline", "ü", "a" * 255, "[*", "-rf", "\udcff"])
async def test_a_strange_name_is_a_name(changes: FileChanges, tmp_path: Path, name: str) -> None:
    with (
        changes.watch(tmp_path, frozenset({name})) as named,
        changes.watch(tmp_path, frozenset({"other"})) as other,
    ):
        (tmp_path / name).touch()
        await asyncio.wait_for(named.changed(LONG), LONG / 2)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(other.changed(LONG), 0.1)


async def test_a_folder_that_goes_wakes_nobody_and_ends_nothing(
    changes: FileChanges, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    with changes.watch(gone), changes.watch(tmp_path) as watch:
        gone.rmdir()
        (tmp_path / "next").touch()
        await asyncio.wait_for(watch.changed(LONG), LONG / 2)


async def test_a_missing_folder_cannot_be_watched(changes: FileChanges, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), changes.watch(tmp_path / "missing"):
        pass
