"""`anava up --google-stand-in`: what it needs, and that nobody's real sign-in gets there."""

import subprocess
import sys
from pathlib import Path

import pytest

from adapters.settings import base_environment
from cli import google_stand_in
from cli.local_environment import CannotStart, LocalEnvironment
from tests.support.servers import ROOT

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

    assert "no mirror is set: `make providers` fills container/providers/" in said
    assert "ANAVA_TERRAFORM__MIRROR" in said


def test_it_starts_as_a_brand_new_project_unless_another_scenario_is_named(tmp_path: Path) -> None:
    local, mirror = LocalEnvironment(tmp_path, "127.0.0.1", 8000), mirror_in(tmp_path)
    plain = google_stand_in.with_stand_in(local, mirror)
    other = google_stand_in.with_stand_in(local, mirror, "everything-allowed")
    argv = google_stand_in.argv(4711, plain.google_scenario)

    assert argv[-2:] == ["--scenario", "brand-new-project"]
    assert other.google_scenario == "everything-allowed"
    for name in ("", "../brand-new-project", "brand-new-project.json"):
        with pytest.raises(CannotStart, match="there are brand-new-project, everything-allowed"):
            google_stand_in.with_stand_in(local, mirror, name)


def test_a_mirror_without_googles_provider_is_named(tmp_path: Path) -> None:
    said = refused(tmp_path, ANAVA_TERRAFORM__MIRROR=str(tmp_path))

    assert f"{tmp_path} does not hold it" in said


def test_no_real_sign_in_state_or_store_gets_there(tmp_path: Path) -> None:
    real = {
        "ANAVA_ARTIFACTS__STORE": "gcs",
        "ANAVA_GCS": '{"bucket": "real"}',
        "ANAVA_GCS__BUCKET": "real",
        "ANAVA_GOOGLE__IMPERSONATE": "robot@real-project.iam.gserviceaccount.com",
        "ANAVA_LOG__SINKS": "local,gcs",
        "ANAVA_RUN_ROOT": "/real/runs",
        "ANAVA_STATE__BACKEND": "gcs",
        "ANAVA_STATE__BUCKET": "real",
        "CLOUDSDK_AUTH_ACCESS_TOKEN": "ya29.real",
        "GOOGLE_APPLICATION_CREDENTIALS": "/key.json",
        "GOOGLE_OAUTH_ACCESS_TOKEN": "ya29.real",
    }
    known = {
        "ANAVA_GOOGLE__ENDPOINT": "https://private.googleapis.com",
        "ANAVA_TERRAFORM__BINARY": "/bin/terraform",
        "ANAVA_WORKER__DEPLOYMENTS": "2",
        "CLOUDSDK_CONFIG": "/home/somebody/.config/gcloud",
        "PATH": "/bin",
    }
    data = tmp_path / "data"
    local = LocalEnvironment(data, "127.0.0.1", 8000, environment={**real, **known})

    found = google_stand_in.with_stand_in(local, mirror_in(tmp_path)).children_environment()

    assert not set(real) & set(found)
    host = found["GCE_METADATA_HOST"]
    assert host.startswith("127.0.0.1:")
    assert found["GCE_METADATA_IP"] == host
    assert found["ANAVA_GOOGLE__ENDPOINT"] == f"http://{host}"
    assert found["ANAVA_DATA_DIR"] == str(data / "stand-in")
    assert found["CLOUDSDK_CONFIG"] == str(data / "stand-in" / "gcloud")
    kept = ("ANAVA_TERRAFORM__BINARY", "ANAVA_WORKER__DEPLOYMENTS", "PATH")
    assert all(found[name] == known[name] for name in kept)


def test_states_of_an_earlier_stand_in_are_forgotten(tmp_path: Path) -> None:
    local = google_stand_in.with_stand_in(
        LocalEnvironment(tmp_path, "127.0.0.1", 8000), mirror_in(tmp_path)
    )
    ours, real = (item / "stacks" / "anava.demo-proj.anava" for item in (local.data, tmp_path))
    for folder in (ours, real):
        folder.mkdir(parents=True)

    google_stand_in.remove_states(local.data)

    assert (ours.exists(), real.exists()) == (False, True)
