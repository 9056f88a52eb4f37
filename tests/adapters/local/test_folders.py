"""An id becomes a path only as a whole id, and only a folder of our own below the root."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.local.folders import deployment_folder, is_own_folder, stack_folder
from deployments.errors import NotFound

ID = "dep-abcdefghijklmnopqrstuvwxyz"
STACK = "local.sandbox.demo-project-1.anava"
HOSTILE = (
    "",
    ".",
    "..",
    "../../evil/d1",
    f"../{ID}",
    f"{ID}/..",
    f"{ID}/../../etc",
    f"/{ID}",
    "/etc/passwd",
    f"{ID}\0",
    f"\0{ID}",
    f"{ID}\n",
    f"{ID} ",
    f"{ID}é",
    "dep-" + "\uff41" * 26,
    "dep-" + "a\u0301" * 13,
    ID.upper(),
    ID[:-1],
    ID + "a" * 4096,
    "host.json",
    "workers",
    "*",
    "dep-*",
    "\ud800",
)


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("folder", [deployment_folder, stack_folder])
def test_a_hostile_id_becomes_no_path(
    folder: Callable[[Path, str], Path], name: str, tmp_path: Path
) -> None:
    with pytest.raises(NotFound):
        folder(tmp_path, name)


def test_an_id_becomes_a_folder_of_the_root_whether_it_is_there_or_not(tmp_path: Path) -> None:
    assert deployment_folder(tmp_path, ID) == tmp_path / ID
    (tmp_path / ID).mkdir()
    assert deployment_folder(tmp_path, ID) == tmp_path / ID
    assert stack_folder(tmp_path, STACK) == tmp_path / STACK


@pytest.mark.parametrize("target", ["elsewhere", "missing", "."])
def test_a_link_in_place_of_a_folder_is_refused(tmp_path: Path, target: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    root = tmp_path / "root"
    root.mkdir()
    (root / ID).symlink_to(tmp_path / target)
    with pytest.raises(NotFound):
        deployment_folder(root, ID)
    assert not is_own_folder(root / ID)


def test_a_file_or_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / ID).write_text("no folder")
    with pytest.raises(NotFound):
        deployment_folder(tmp_path, ID)
    (tmp_path / ID).unlink()
    (tmp_path / ID).mkdir()
    assert is_own_folder(tmp_path / ID)
    if os.geteuid() == 0:
        os.chown(tmp_path / ID, 65534, 65534)
        with pytest.raises(NotFound):
            deployment_folder(tmp_path, ID)
