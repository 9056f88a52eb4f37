"""On a full disk a write uses the reserve of its run directory, and nothing else."""

import errno
from pathlib import Path

import pytest

from adapters.local import disk_space


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
