"""Archives of functions: a function of names and contents, and of nothing else."""

import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from adapters.terraform import function_archives
from deployments.requests import DeploymentFields, check
from tests.support.servers import ROOT
from worker.run_directory import RunDirectory

ANAVA = ROOT / "terraform" / "anava"
FUNCTIONS = ("device-auth", "token-vending")


@contextmanager
def umask(mask: int) -> Iterator[None]:
    old = os.umask(mask)
    try:
        yield
    finally:
        os.umask(old)


def packed(template: Path) -> dict[str, bytes]:
    function_archives.pack(template)
    return {path.name: path.read_bytes() for path in (template / "functions").glob("*.zip")}


def test_two_packings_on_other_days_by_other_people_are_the_same_bytes(tmp_path: Path) -> None:
    """The copies differ in time, mode and the order in which their files were made."""
    with umask(0o022):
        shutil.copytree(ANAVA, tmp_path / "one")
    with umask(0o077):
        for source in sorted((ANAVA / "functions").rglob("*.*"), reverse=True):
            copy = tmp_path / "two" / source.relative_to(ANAVA)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(source.read_bytes())
            os.utime(copy, (10**9, 10**9))
            copy.chmod(0o600)

        second = packed(tmp_path / "two")
    first = packed(tmp_path / "one")

    assert set(first) == {f"{name}.zip" for name in FUNCTIONS}
    assert first == second


def test_packing_again_changes_nothing(tmp_path: Path) -> None:
    shutil.copytree(ANAVA, tmp_path / "one")

    assert packed(tmp_path / "one") == packed(tmp_path / "one")


def test_an_archive_holds_the_files_of_its_folder_and_nothing_that_tools_left(
    tmp_path: Path,
) -> None:
    function = tmp_path / "functions" / "v1.2"
    (function / "__pycache__").mkdir(parents=True)
    (function / "__pycache__" / "main.cpython-311.pyc").write_bytes(b"x")
    (function / "part").mkdir()
    (function / "part" / "é.py").write_text("b")
    (function / "main.py").write_text("a")
    (tmp_path / "functions" / "requirements.in").write_text("not a function")

    function_archives.pack(tmp_path)

    with zipfile.ZipFile(tmp_path / "functions" / "v1.2.zip") as archive:
        assert {entry.filename: archive.read(entry) for entry in archive.infolist()} == {
            "main.py": b"a",
            "part/é.py": b"b",
        }
    assert len(list((tmp_path / "functions").glob("*.zip"))) == 1


@pytest.mark.parametrize("change", ["content", "name"])
def test_other_code_is_another_archive(tmp_path: Path, change: str) -> None:
    shutil.copytree(ANAVA, tmp_path / "one")
    before = packed(tmp_path / "one")
    main = tmp_path / "one" / "functions" / "device-auth" / "main.py"
    if change == "content":
        main.write_text(main.read_text() + "\n")
    else:
        main.rename(main.with_name("other.py"))

    after = packed(tmp_path / "one")

    assert after["device-auth.zip"] != before["device-auth.zip"]
    assert after["token-vending.zip"] == before["token-vending.zip"]


def test_a_run_directory_has_the_archives_of_its_template(tmp_path: Path) -> None:
    request = check(DeploymentFields(project_id="customer-1", template="sandbox"))
    directory = RunDirectory(tmp_path / "run")

    directory.make(ANAVA, request, "{}", ())

    made = {path.name for path in (directory.work / "functions").glob("*.zip")}
    assert made == {f"{name}.zip" for name in FUNCTIONS}


def test_a_template_without_functions_has_no_archives(tmp_path: Path) -> None:
    request = check(DeploymentFields(project_id="customer-1", template="sandbox"))
    directory = RunDirectory(tmp_path / "run")

    directory.make(ROOT / "terraform" / "sandbox", request, "{}", ())

    assert not (directory.work / "functions").exists()
