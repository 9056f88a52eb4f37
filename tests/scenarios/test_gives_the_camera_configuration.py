"""Cameras get what was recorded, also after a failure and a retry; nobody gets a guess."""

import json
import stat
from typing import Any

import pytest

from tests.scenarios.camera_stack import DATABASE_URL, KEY, WEB_KEY
from tests.scenarios.command_line import CommandLine, command_line
from tests.scenarios.credentials import google, signed_in
from tests.support.artifacts import prefix
from tests.support.front import Front
from tests.support.servers import TemporalServer
from tests.support.service import House
from tests.support.stand_in.serving import ServedStandIn

__all__ = ["google", "signed_in"]

SECRETS = (KEY, WEB_KEY)


@pytest.fixture
def house(signed_in: House) -> House:
    return signed_in


def anava(stack: str, **variables: object) -> dict[str, object]:
    return {
        "template": "anava",
        "project_id": "demo-proj",
        "prefix": stack,
        "variables": {"firestore_database_id": "wait-0", **variables},
    }


async def problem(front: Front, path: str) -> tuple[int, str, list[str]]:
    answer = await front.session.get(f"{path}/acap-config")
    found = answer.json()
    assert not any(secret in answer.text for secret in SECRETS)
    return answer.status_code, found["code"], [error["pointer"] for error in found["errors"]]


async def test_it_is_whole_after_a_partial_apply_and_a_retry(
    house: House, front: Front, temporal: TemporalServer
) -> None:
    house.worker()
    stack = prefix()
    failed = await front.run(**anava(stack, firestore_location="eur3"))
    assert (await front.json(failed))["reason"] == "apply_failed"
    status, code, missing = await problem(front, failed)
    assert (status, code) == (409, "acap_config_incomplete")
    assert "/googleAI/apiGatewayUrl" in missing

    path = await front.run(**anava(stack))
    seen = await front.json(path)
    assert seen["status"] == "completed", seen
    answer = await front.session.get(f"{path}/acap-config")
    assert answer.status_code == 200, answer.text
    assert "no-store" in answer.headers["cache-control"]
    marked = "/firebase/webApiKey, /googleAI/apiKey, /googleAI/apiGatewayKey"
    assert answer.headers["anava-secrets"] == marked
    config = answer.json()
    assert_filled(config, f"demo-proj-{stack}")
    assert config["deployment"]["deploymentId"] == seen["id"]
    assert sorted(config["deployment"]["outputs"]) == [
        "api_gateway_url",
        "firebase_storage_bucket",
        "firebase_web_app_id",
    ]

    loaded = await front.session.get(f"{path}/acap-config?download=1")
    disposition = "attachment; filename*=UTF-8''acap-config.json"
    assert loaded.headers["content-disposition"] == disposition
    assert loaded.json() == config
    page = await front.session.get(path.removeprefix("/api"), headers={"Accept": "text/html"})
    assert f'href="{path}/acap-config?download=1"' in page.text

    # The one that failed still says what it lacked, and no other way gives a secret away.
    assert (await problem(front, failed))[0] == 409
    await assert_kept_apart(house, front, temporal, path)


async def test_what_cameras_were_given_can_be_read_when_the_stack_is_gone(
    house: House, front: Front
) -> None:
    house.worker()
    stack = prefix()
    path = await front.run(**anava(stack))
    config = await front.json(f"{path}/acap-config")
    gone = {**anava(stack), "operation": "destroy", "confirm": f"demo-proj/{stack}"}
    destroyed = await front.run(**gone)
    assert (await front.json(destroyed))["reason"] == "destroyed"
    assert await problem(front, destroyed) == (404, "acap_config_missing", [])
    assert await front.json(f"{path}/acap-config") == config


def assert_filled(config: dict[str, Any], bucket: str) -> None:
    assert config["firebase"] == {
        "webApiKey": WEB_KEY,
        "authDomain": "demo-proj.firebaseapp.com",
        "projectId": "demo-proj",
        "storageBucket": bucket,
        "messagingSenderId": "1234567890",
        "appId": "1:1234567890:web:abc",
        "databaseURL": DATABASE_URL,
    }
    assert config["googleAI"] == {
        "apiKey": KEY,
        "apiGatewayUrl": f"https://{bucket}.gateway.example",
        "apiGatewayKey": KEY,
        "gcpProjectId": "demo-proj",
        "gcpRegion": "us-central1",
        "gcsBucketName": bucket,
    }


async def assert_kept_apart(
    house: House, front: Front, temporal: TemporalServer, path: str
) -> None:
    """The secrets are in the state and, encrypted, in one file that no other route gives."""
    names = [item["name"] for item in (await front.json(f"{path}/artifacts"))["items"]]
    assert "outputs.json" in names
    assert not any(name.endswith(".encrypted") for name in names)
    assert (await front.session.get(f"{path}/artifacts/outputs.encrypted")).status_code == 404
    for what in ("", "/plan", "/logs?format=text", "/artifacts"):
        text = (await front.session.get(path + what)).text
        assert not any(secret in text for secret in SECRETS), what
    sealed = house.data / "artifacts" / path.rpartition("/")[2] / "outputs.encrypted"
    assert stat.S_IMODE(sealed.stat().st_mode) == 0o600
    # Our own template has its secrets in its text, so its plan and its folder have them, too.
    apart = (house.data / "stacks", house.data / "runs")
    files = [entry for entry in house.data.rglob("*") if entry.is_file()]
    for file in (*files, *temporal.files()):
        if not any(file.is_relative_to(element) for element in apart):
            content = file.read_bytes()
            assert not any(value.encode() in content for value in SECRETS), file


async def test_an_output_without_a_value_is_named(house: House, front: Front) -> None:
    house.worker()
    path = await front.run(**anava(prefix(), firebase_web_app_name="No app"))
    assert (await front.json(path))["status"] == "completed"
    assert await problem(front, path) == (409, "acap_config_incomplete", ["/firebase/appId"])


async def test_the_sandbox_has_none(house: House, front: Front) -> None:
    house.worker(ANAVA_TERRAFORM__TEMPLATES="")
    path = await front.deploy(prefix(), resource_seconds=0)
    assert await problem(front, path) == (404, "acap_config_missing", [])
    unknown = f"/api/deployment/dep-{'a' * 26}"
    assert await problem(front, unknown) == (404, "not_found", [])


async def test_the_command_line_writes_a_private_file(
    house: House, front: Front, google: ServedStandIn
) -> None:
    command: CommandLine = await command_line(house)
    id = (await front.run(**anava(prefix()))).rpartition("/")[2]
    shown = await command.run("acap-config", id)
    assert json.loads(shown.out)["googleAI"]["apiGatewayKey"] == KEY
    written = await command.run("acap-config", id, "-o", "camera.json")
    assert (written.code, written.out) == (0, "")
    file = command.folder / "camera.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text()) == json.loads(shown.out)
    refused = await command.run("acap-config", id, "-o", "no/such/folder.json")
    assert refused.code == 2
