"""A run's token is fresh whatever becomes of its worker, and is nowhere but in its own file."""

import json
import uuid
import zipfile
from pathlib import Path

import pytest

from deployments.credentials import SERVICE
from deployments.deployment import DeploymentRequest, DeploymentResult, Stack, Status
from deployments.phase import Phase
from deployments.reasons import Reason
from tests.scenarios.credentials import (
    PLANTED,
    assert_hidden,
    assert_in_no_file,
    assert_masked,
    environment_of,
)
from tests.scenarios.credentials import google as google
from tests.scenarios.credentials import signed_in as signed_in
from tests.support.invariants import Views, check_invariants
from tests.support.processes import processes_below
from tests.support.servers import TemporalServer
from tests.support.service import Deployment, House
from tests.support.sinks import every_sink, in_firestore, in_redis, until_shipped
from tests.support.stand_in.serving import ServedStandIn
from tests.support.stores import Store

PLAN, APPLY = 2, 3


async def start(house: House, seconds: int = 0) -> Deployment:
    variables = json.dumps({"firestore_database_id": f"wait-{seconds}"})
    stack = Stack("anava", "demo-proj", "p" + uuid.uuid4().hex[:8])
    request = DeploymentRequest(stack, "us-central1", "US", variables)
    return await house.start(request, credential_ref=SERVICE)


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
    # The template asks for the project; preflight also asks what is disabled in it.
    asked = [item for item in google.asked() if item["path"].endswith("/projects/demo-proj")]
    assert {entry["status"] for entry in asked} == {200}
    for step in (PLAN, APPLY):
        assert not deployment.file(step, "credential.json").exists()
    await check_invariants(signed_in, deployment, Views(secrets=(PLANTED,)))


async def test_a_token_is_in_no_file_store_history_or_process(
    signed_in: House, stores: dict[str, Store], temporal: TemporalServer, tmp_path: Path
) -> None:
    signed_in.settings |= every_sink(stores)
    signed_in.worker()
    deployment = await start(signed_in, seconds=8)
    await deployment.until_text(APPLY, "): token ")
    # While it runs, two files have it, for this user alone: the endpoint's, and the redactor's.
    mine = deployment.file(APPLY, "credential.json")
    known = deployment.folder / "secrets"
    assert PLANTED in mine.read_text()
    assert any(PLANTED in file.read_text() for file in known.iterdir())
    assert {file.stat().st_mode & 0o777 for file in (mine, *known.iterdir())} == {0o600}
    assert_masked(deployment)
    assert_in_no_file(
        path
        for path in signed_in.data.rglob("*")
        if path.name != mine.name and path.parent != known
    )
    plan = zipfile.ZipFile(deployment.folder / "work" / "plan.tfplan")
    for member in plan.namelist():
        assert_hidden(plan.read(member), f"{member} of the plan")
    await ended_well(deployment)

    await until_shipped(signed_in.data)
    await check_invariants(signed_in, deployment, Views(secrets=(PLANTED,)))
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
    await check_invariants(signed_in, deployment)


async def test_a_run_of_the_sandbox_has_no_endpoint_and_no_file(house: House) -> None:
    house.worker()
    deployment = await house.deploy(resource_seconds=2)
    await deployment.until_text(APPLY, "apply_start")
    running = [environment_of(pid) for pid in processes_below(deployment.folder / "work")]
    assert running
    assert not any("GCE_METADATA_HOST" in item for item in running)
    assert not deployment.file(APPLY, "credential.json").exists()
    assert (await deployment.result()).status is Status.COMPLETED
