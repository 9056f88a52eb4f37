"""A run's token is fresh whatever becomes of its worker, and is nowhere but in its own file."""

import base64
import gzip
import json
import zipfile
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path

import pytest

from deployments.credentials import SERVICE
from deployments.deployment import DeploymentRequest, DeploymentResult, Stack, Status
from deployments.phase import Phase
from deployments.reasons import Reason
from tests.google_stand_in.key_file import write_key
from tests.google_stand_in.serving import ServedStandIn
from tests.scenarios.camera_stack import anava_template
from tests.scenarios.service import Deployment, House, processes_below
from tests.scenarios.sinks import every_sink, in_firestore, in_redis, until_shipped
from tests.servers import TemporalServer
from tests.stores import Store

PLAN, APPLY = 2, 3
# What every token of the stand-in begins with.
PLANTED = "ya29.stand-in-"
# Of the worker, and never of terraform.
MASKED = {
    "GOOGLE_OAUTH_ACCESS_TOKEN": f"{PLANTED}in-the-worker",
    "GOOGLE_CREDENTIALS": f"{PLANTED}in-the-worker",
    "CLOUDSDK_CONFIG": "/nonexistent",
    "CLOUDSDK_AUTH_ACCESS_TOKEN": f"{PLANTED}in-the-worker",
}


def traces() -> Iterator[bytes]:
    raw = PLANTED.encode()
    yield raw
    yield raw.hex().encode()
    for shift in range(3):
        # Without the characters that neighbours decide.
        yield base64.b64encode(b"-" * shift + raw)[4:-4]


def assert_hidden(content: bytes, where: str) -> None:
    plain = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    for trace in traces():
        assert trace not in plain, f"{trace!r} in {where}"


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
    house.end()


async def start(house: House, seconds: int = 0) -> Deployment:
    variables = json.dumps({"firestore_database_id": f"wait-{seconds}"})
    stack = Stack("anava", "demo-proj", "p" + house.data.parent.name[-6:].strip("_-0123456789"))
    request = DeploymentRequest(stack, "us-central1", "US", variables)
    return await house.start(request, credential_ref=SERVICE)


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
        assert_hidden(Path(f"/proc/{pid}/cmdline").read_bytes(), f"argv of {pid}")
    except OSError:
        return {}
    return dict(entry.split("=", 1) for entry in text.split("\0") if entry)


def marks(deployment: Deployment) -> list[str]:
    """A mark of each token that was given during the apply."""
    texts = [event.get("text", "") for event in deployment.events(APPLY)]
    found = [text.partition("token ")[2].split()[0] for text in texts if "): token " in text]
    return list(dict.fromkeys(found))


async def ended_well(deployment: Deployment) -> DeploymentResult:
    result = await deployment.result(150)
    assert (result.status, result.reason) == (Status.COMPLETED, Reason.APPLIED), result
    return result


@pytest.mark.long
async def test_tokens_of_seconds_last_for_an_apply_whose_worker_is_killed(
    signed_in: House, google: ServedStandIn
) -> None:
    google.control("PUT", "settings", {"token_seconds": 20})
    worker = signed_in.worker()
    deployment = await start(signed_in, seconds=45)
    await deployment.until_text(APPLY, "): token ")
    assert_masked(deployment)
    worker.kill()
    signed_in.worker()
    await deployment.until_file(APPLY, "claim.2.json")
    await ended_well(deployment)
    assert set((await deployment.attempts()).values()) == {1}
    assert len(marks(deployment)) >= 3, "the token was renewed again and again"
    # The template asks for the project; preflight also asks what is switched off in it.
    asked = [item for item in google.asked() if item["path"].endswith("/projects/demo-proj")]
    assert {entry["status"] for entry in asked} == {200}
    for step in (PLAN, APPLY):
        assert not deployment.file(step, "credential.json").exists()


async def test_a_token_is_in_no_file_store_history_or_process(
    signed_in: House, stores: dict[str, Store], temporal: TemporalServer, tmp_path: Path
) -> None:
    signed_in.settings |= every_sink(stores)
    signed_in.worker()
    deployment = await start(signed_in, seconds=8)
    await deployment.until_text(APPLY, "): token ")
    # While it runs, exactly one file has it, for this user alone.
    mine = deployment.file(APPLY, "credential.json")
    assert PLANTED in mine.read_text()
    assert mine.stat().st_mode & 0o777 == 0o600
    assert_masked(deployment)
    assert_in_no_file(path for path in signed_in.data.rglob("*") if path.name != mine.name)
    plan = zipfile.ZipFile(deployment.folder / "work" / "plan.tfplan")
    for member in plan.namelist():
        assert_hidden(plan.read(member), f"{member} of the plan")
    await ended_well(deployment)

    await until_shipped(signed_in.data)
    for worker in signed_in.workers:
        worker.end()
    for where, content in (*in_redis(stores["redis"]), *in_firestore(stores["firestore"])):
        assert_hidden(content, where)
    assert_in_no_file(signed_in.data.rglob("*"))
    assert_in_no_file((tmp_path / "buckets").rglob("*"))
    assert_in_no_file(temporal.files())


async def test_without_a_sign_in_nothing_is_planned_and_it_is_said_why(
    signed_in: House, google: ServedStandIn
) -> None:
    google.end()
    del signed_in.settings["GOOGLE_APPLICATION_CREDENTIALS"]
    signed_in.settings |= {"NO_GCE_CHECK": "true"}
    signed_in.worker()
    deployment = await start(signed_in)
    result = await deployment.result()
    assert (result.status, result.reason) == (Status.FAILED, Reason.SIGN_IN_EXPIRED)
    assert result.phase is Phase.PREFLIGHT
    assert not deployment.file(PLAN, "spool").exists()
    await signed_in.assert_nothing_left(deployment)


async def test_a_run_of_the_sandbox_has_no_endpoint_and_no_file(house: House) -> None:
    house.worker()
    deployment = await house.deploy(resource_seconds=2)
    await deployment.until_text(APPLY, "apply_start")
    running = [environment_of(pid) for pid in processes_below(deployment.folder / "work")]
    assert running
    assert not any("GCE_METADATA_HOST" in item for item in running)
    assert not deployment.file(APPLY, "credential.json").exists()
    assert (await deployment.result()).status is Status.COMPLETED
