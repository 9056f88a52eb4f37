"""A house that is signed in, and the traces of its tokens."""

from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest

from tests.scenarios.camera_stack import anava_template
from tests.support import secrets
from tests.support.processes import command_line, processes_below
from tests.support.servers import TemporalServer
from tests.support.service import Deployment, House
from tests.support.stand_in.key_file import write_key
from tests.support.stand_in.serving import ServedStandIn

# What every token of the stand-in begins with.
PLANTED = "ya29.stand-in-"
# Of the worker, and never of terraform.
MASKED = {
    "GOOGLE_OAUTH_ACCESS_TOKEN": f"{PLANTED}in-the-worker",
    "GOOGLE_CREDENTIALS": f"{PLANTED}in-the-worker",
    "CLOUDSDK_CONFIG": "/nonexistent",
    "CLOUDSDK_AUTH_ACCESS_TOKEN": f"{PLANTED}in-the-worker",
}


def assert_hidden(content: bytes, where: str) -> None:
    secrets.assert_hidden(content, where, (PLANTED,))


def assert_in_no_file(files: Iterable[Path]) -> None:
    for file in files:
        if file.is_file():
            assert_hidden(file.read_bytes(), str(file))


@pytest.fixture
async def google(tmp_path: Path) -> AsyncIterator[ServedStandIn]:
    stand_in = ServedStandIn(tmp_path)
    await stand_in.start()
    stand_in.project(enabled=["cloudresourcemanager.googleapis.com"])
    yield stand_in
    stand_in.end()


@pytest.fixture
async def signed_in(
    temporal: TemporalServer, tmp_path: Path, google: ServedStandIn
) -> AsyncIterator[House]:
    """A house whose machine is signed in at the stand-in, and whose template asks for tokens."""
    write_key(tmp_path / "key.json", google.endpoint)
    anava_template(tmp_path / "templates")
    (tmp_path / "mirror").mkdir()
    data = tmp_path / "data"
    data.mkdir()
    ours = {
        **MASKED,
        "ANAVA_TERRAFORM__TEMPLATES": str(tmp_path / "templates"),
        "ANAVA_TERRAFORM__MIRROR": str(tmp_path / "mirror"),
        "ANAVA_GOOGLE__ENDPOINT": google.endpoint,
        "GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "key.json"),
    }
    house = House(await temporal.client(), temporal.address, data, ours)
    yield house
    await house.close()


def assert_masked(deployment: Deployment) -> None:
    """Of the living processes of a run: no token, and none of the worker's own credentials."""
    seen = 0
    for pid in processes_below(deployment.folder / "work"):
        environment = environment_of(pid)
        assert_hidden(repr(environment).encode(), f"environment of {pid}")
        assert not set(environment) & {*MASKED, "GOOGLE_APPLICATION_CREDENTIALS"}
        if environment:
            assert Path(environment["HOME"]) == deployment.folder / "home"
        seen += environment.get("GCE_METADATA_HOST", "").startswith("127.0.0.1:")
    assert seen >= 2, "terraform and what it started"


def environment_of(pid: int) -> dict[str, str]:
    """Of a process; nothing of one that has just ended. Its arguments are looked at, too."""
    try:
        text = Path(f"/proc/{pid}/environ").read_bytes().decode()
    except OSError:
        return {}
    assert_hidden(command_line(pid).encode(), f"argv of {pid}")
    return dict(entry.split("=", 1) for entry in text.split("\0") if entry)
