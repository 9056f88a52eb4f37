"""Which terraform a worker takes."""

import os
import sys
from pathlib import Path

import pytest

from adapters.settings import Settings, TerraformSettings, base_environment
from adapters.terraform import command
from deployments.errors import TerraformUnusable
from worker.host import check_terraform


def terraform(folder: Path, version: str) -> Path:
    folder.mkdir(parents=True)
    binary = folder / "terraform"
    binary.write_text(f'#!/bin/sh\necho \'{{"terraform_version": "{version}"}}\'\n')
    binary.chmod(0o755)
    return binary


@pytest.fixture
def cli_config(tmp_path: Path) -> Path:
    path = tmp_path / "terraform.tfrc"
    path.write_text(command.cli_config(tmp_path))
    return path


async def test_the_terraform_of_the_virtual_environment_comes_before_that_of_the_path(
    tmp_path: Path, cli_config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = terraform(tmp_path / "venv", "1.11.4")
    terraform(tmp_path / "bin", "1.5.7")
    monkeypatch.setattr(sys, "executable", str(own.with_name("python")))
    path = os.pathsep.join((str(tmp_path / "bin"), base_environment()["PATH"]))

    assert await check_terraform(Settings(), cli_config, path) == (str(own), "1.11.4")


async def test_a_named_terraform_is_taken_and_refused_when_too_old(
    tmp_path: Path, cli_config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(terraform(tmp_path / "venv", "1.11.4")))
    old = terraform(tmp_path / "old", "1.5.7")
    settings = Settings(terraform=TerraformSettings(binary=str(old)))

    with pytest.raises(TerraformUnusable, match=r"1\.5\.7 is too old"):
        await check_terraform(settings, cli_config, base_environment()["PATH"])
