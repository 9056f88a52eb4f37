"""`anava up --google-stand-in`: what it needs, and that nobody's real sign-in gets there."""

import subprocess
import sys
from pathlib import Path

import pytest

from adapters.settings import base_environment
from cli import stand_in
from cli.local import CannotStart, Place
from tests.servers import ROOT

_REFUSED = 2


def mirror_in(folder: Path) -> Path:
    (folder / "registry.terraform.io" / "hashicorp" / "google-beta").mkdir(parents=True)
    return folder


def refused(data: Path, **settings: str) -> str:
    """What the command says, which starts nothing."""
    environment = {
        "PATH": base_environment()["PATH"],
        "ANAVA_DATA_DIR": str(data / "data"),
        **settings,
    }
    ended = subprocess.run(
        [sys.executable, "-m", "cli.main", "up", "--google-stand-in"],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == _REFUSED
    assert not (data / "data").exists()
    return ended.stderr


def test_without_a_mirror_it_says_how_to_get_one(tmp_path: Path) -> None:
    said = refused(tmp_path)

    assert "no mirror is set: `make providers` fills providers/" in said
    assert "ANAVA_TERRAFORM__MIRROR" in said


def test_a_mirror_without_googles_provider_is_named(tmp_path: Path) -> None:
    said = refused(tmp_path, ANAVA_TERRAFORM__MIRROR=str(tmp_path))

    assert f"{tmp_path} does not hold it" in said


def test_outside_a_checkout_it_is_refused(tmp_path: Path) -> None:
    place = Place(tmp_path / "data", "127.0.0.1", 8000)

    with pytest.raises(CannotStart, match="needs a checkout of the source"):
        stand_in.place_with(place, mirror_in(tmp_path), root=tmp_path)


def test_nobodys_real_sign_in_gets_there(tmp_path: Path) -> None:
    real = {
        "GOOGLE_APPLICATION_CREDENTIALS": "/key.json",
        "CLOUDSDK_CONFIG": "/home/somebody/.config/gcloud",
        "ANAVA_GOOGLE__IMPERSONATE": "robot@real-project.iam.gserviceaccount.com",
        "ANAVA_GOOGLE__ENDPOINT": "https://private.googleapis.com",
        "PATH": "/bin",
    }
    place = Place(tmp_path / "data", "127.0.0.1", 8000, environment=real)

    found = stand_in.place_with(place, mirror_in(tmp_path)).children_environment()

    host = found["GCE_METADATA_HOST"]
    assert host.startswith("127.0.0.1:")
    assert found["GCE_METADATA_IP"] == host
    assert found["ANAVA_GOOGLE__ENDPOINT"] == f"http://{host}"
    assert found["CLOUDSDK_CONFIG"] == str(tmp_path / "data" / "stand-in")
    assert not {"GOOGLE_APPLICATION_CREDENTIALS", "ANAVA_GOOGLE__IMPERSONATE"} & set(found)
    assert found["PATH"] == "/bin"
