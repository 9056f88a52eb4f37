"""The stand-in as a command, and what Google's own client and terraform's variables make of it."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from google.cloud import storage
from google.oauth2.credentials import Credentials

from adapters.settings import base_environment
from tests.support.servers import ROOT
from tests.support.stand_in.endpoints import SERVICES, endpoints, services
from tests.support.stand_in.serving import ServedStandIn


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[ServedStandIn]:
    stand_in = ServedStandIn(tmp_path)
    await stand_in.start()
    yield stand_in
    stand_in.end()


async def test_googles_own_client_keeps_objects_in_it(served: ServedStandIn) -> None:
    def use() -> tuple[bytes, list[str]]:
        credentials = Credentials(served.token())  # type: ignore[no-untyped-call] # theirs
        client = storage.Client(
            "demo-proj", credentials, client_options={"api_endpoint": served.endpoint}
        )
        bucket = client.create_bucket("buck")
        bucket.blob("dir/läng.txt").upload_from_string(b"\x00content", "text/plain")
        return bucket.blob("dir/läng.txt").download_as_bytes(), [
            blob.name for blob in client.list_blobs("buck", prefix="dir/")
        ]

    # A client that checks the content's checksum, in a thread because it blocks.
    assert await asyncio.to_thread(use) == (b"\x00content", ["dir/läng.txt"])


def _command(tmp_path: Path, text: str) -> subprocess.CompletedProcess[str]:
    rules = tmp_path / "rules.json"
    rules.write_text(text)
    return subprocess.run(  # noqa: S603 - ours
        [sys.executable, "-m", "google_stand_in", "--port", "1", "--rules", str(rules)],
        env=base_environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("text", ["", "{}", '[{"path": "("}]', '[{"path": "x", "failure": "no"}]'])
def test_a_file_of_rules_that_are_none_ends_the_command(tmp_path: Path, text: str) -> None:
    ended = _command(tmp_path, text)

    assert ended.returncode == 2
    assert "rules.json" in ended.stderr


@pytest.mark.parametrize("name", ["nobody", "rules.json", "missing.json"])
def test_a_scenario_that_is_none_ends_the_command(tmp_path: Path, name: str) -> None:
    (tmp_path / "rules.json").write_text('{"access": "all"}')
    scenario = str(tmp_path / name) if name.endswith(".json") else name
    argv = [sys.executable, "-m", "google_stand_in", "--port", "1", "--scenario", scenario]
    ended = subprocess.run(  # noqa: S603 - ours
        argv, env=base_environment(), cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 2
    assert name in ended.stderr


async def test_the_process_starts_as_the_scenario_of_its_command(tmp_path: Path) -> None:
    stand_in = ServedStandIn(tmp_path, "brand-new-project")
    await stand_in.start()
    try:
        state = stand_in.control("GET", "state")
    finally:
        stand_in.end()

    assert set(state["projects"]) == {"demo-proj", "anava-worker"}


def test_every_address_of_terraform_and_of_clients_is_here() -> None:
    for name, value in endpoints(4711).items():
        assert "127.0.0.1:4711" in value
        assert name.endswith("_CUSTOM_ENDPOINT") is value.endswith("/")
    assert set(services(4711)) == set(SERVICES)
    assert services(4711)["iam"] == "http://127.0.0.1:4711/iam"
