"""`make providers`: what terraform downloads packed lies unpacked in the mirror."""

import subprocess
import sys
import zipfile
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.servers import ROOT

HELD = Path("registry.terraform.io/hashicorp/google-beta")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    loader = SourceFileLoader("mirror_providers", str(ROOT / "scripts" / "mirror-providers"))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_each_archive_becomes_a_folder_with_a_program(tmp_path: Path, script: ModuleType) -> None:
    packed, mirror = tmp_path / "packed" / HELD, tmp_path / "mirror"
    packed.mkdir(parents=True)
    name = "terraform-provider-google-beta_7.45.0_linux_amd64.zip"
    with zipfile.ZipFile(packed / name, "w") as archive:
        archive.writestr("terraform-provider-google-beta_v7.45.0_x5", "#!/bin/sh\necho here\n")
        archive.writestr("LICENSE.txt", "MPL")

    made = script.unpack(tmp_path / "packed", mirror)

    assert made == [mirror / HELD / "7.45.0" / "linux_amd64"]
    program = made[0] / "terraform-provider-google-beta_v7.45.0_x5"
    assert subprocess.run([program], capture_output=True, check=True).stdout == b"here\n"  # noqa: S603


def test_without_an_answer_of_the_registry_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No terraform at all stands for no network: either way nothing was downloaded."""
    monkeypatch.setenv("ANAVA_TERRAFORM__BINARY", "false")

    ended = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, ROOT / "scripts" / "mirror-providers", tmp_path / "mirror"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.returncode, (tmp_path / "mirror").exists()) == (1, False)
    assert "the download from the registry failed" in ended.stderr
