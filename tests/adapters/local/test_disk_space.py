"""On a full disk a write uses the reserve of its run directory, and nothing else."""

import errno
from pathlib import Path

import pytest

from adapters.local import disk_space
from tests.support.small_disk import small_disk


def refused() -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_folder_named_reserve_outside_the_run_directory_is_left_alone(tmp_path: Path) -> None:
    """Files of a user in `/home/me/reserve` were removed, one for each refused write."""
    foreign = tmp_path / "reserve" / "report.ods"
    foreign.parent.mkdir()
    foreign.write_text("not ours")
    step = tmp_path / "runs" / "dep-1" / "steps" / "3"
    step.mkdir(parents=True)
    with pytest.raises(OSError, match="No space"):
        disk_space.with_reserve(step / "claim.1.json", refused)
    assert foreign.read_text() == "not ours"


def test_the_reserve_of_the_run_directory_is_used_up(tmp_path: Path) -> None:
    run = tmp_path / "dep-1"
    step = run / "steps" / "3"
    step.mkdir(parents=True)
    disk_space.make_reserve(run)
    with pytest.raises(OSError, match="No space"):
        disk_space.with_reserve(step / "claim.1.json", refused)
    assert not list((run / "reserve").iterdir())


def test_a_file_is_replaced_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    disk_space.replace_durably(tmp_path / "file", b"one", None)
    disk_space.replace_durably(tmp_path / "file", b"two", None)
    assert (tmp_path / "file").read_bytes() == b"two"
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_leaves_the_old_file_and_no_draft(tmp_path: Path) -> None:
    """The copy of a plan left its draft at each try."""
    with small_disk(tmp_path / "disk", 4) as disk:
        file = disk.path / "plan.tfplan"
        file.write_bytes(b"old")
        disk.fill(leave_bytes=100_000)
        with pytest.raises(OSError, match="No space"):
            disk_space.replace_durably(file, b"x" * 200_000, None)
        assert file.read_bytes() == b"old"
        assert not list(disk.path.glob(".plan*"))
