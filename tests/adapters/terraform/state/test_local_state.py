"""A state file that a full disk has cut is restored from the newest complete copy."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.local import disk_space
from adapters.terraform.state.errored import read_errored_state
from adapters.terraform.state.local_state import restore
from tests.support.small_disk import SmallDisk, small_disk


def state(serial: int, lineage: str = "a", padding: int = 0) -> bytes:
    content = {"version": 4, "serial": serial, "lineage": lineage, "resources": []}
    return json.dumps({**content, "padding": "x" * padding}).encode()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "terraform.tfstate"


def test_a_cut_state_is_replaced_by_what_terraform_printed(path: Path) -> None:
    """The next deployment failed at init, on a state of 8,192 bytes."""
    path.write_bytes(state(8)[:20])
    path.with_name("terraform.tfstate.backup").write_bytes(state(3))
    assert restore(path, state(9), path.parent)
    assert path.read_bytes() == state(9)


def test_a_missing_state_is_written(path: Path) -> None:
    assert restore(path, state(9), path.parent)
    assert path.read_bytes() == state(9)


def test_a_cut_state_without_a_newer_copy_is_the_backup_again(path: Path) -> None:
    path.write_bytes(b"")
    path.with_name("terraform.tfstate.backup").write_bytes(state(3))
    assert not restore(path, b"", path.parent)
    assert path.read_bytes() == state(3)


@pytest.mark.parametrize("saved", [state(7), state(8), state(9, "b"), state(9)[:20], b""])
def test_a_whole_state_is_only_replaced_by_its_successor(path: Path, saved: bytes) -> None:
    path.write_bytes(state(8))
    path.with_name("terraform.tfstate.backup").write_bytes(state(3))
    restore(path, saved, path.parent)
    assert path.read_bytes() == state(8)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", 32) as disk:
        yield disk


def test_a_state_is_restored_on_a_disk_that_stays_full(disk: SmallDisk) -> None:
    run, path = disk.path / "dep-1", disk.path / "terraform.tfstate"
    run.mkdir()
    disk_space.make_reserve(run)
    path.write_bytes(b"{")
    disk.fill_without_end()
    assert restore(path, state(9, padding=1_000_000), run)
    assert path.read_bytes() == state(9, padding=1_000_000)


def test_without_any_space_the_state_stays_as_it_was(disk: SmallDisk) -> None:
    run, path = disk.path / "dep-1", disk.path / "terraform.tfstate"
    run.mkdir()
    path.write_bytes(state(8))
    disk.fill_without_end()
    with pytest.raises(OSError, match="No space"):
        restore(path, state(9, padding=1_000_000), run)
    assert path.read_bytes() == state(8)
    assert not list(disk.path.glob(".terraform*"))


def test_what_terraform_printed_is_preferred_to_a_cut_file(tmp_path: Path) -> None:
    """A full disk cuts `errored.tfstate`, and terraform then prints the state."""
    (tmp_path / "errored.tfstate").write_bytes(state(9)[:20])
    printed = b'{"@message":"Emergency state dump","type":"log","state":' + state(9) + b"}\n"
    spool = tmp_path / "spool"
    spool.write_bytes(b'{"type":"version"}\n' + printed)
    assert json.loads(read_errored_state(tmp_path, spool)) == json.loads(state(9))
