"""A cancel through the HTTP API, in every phase: one interrupt, and a truthful end."""

import asyncio
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Mapping

import httpx
import pytest
from temporalio.client import WorkflowExecutionStatus

from deployments.deployment import CancelRequest, Status
from deployments.reasons import Reason
from tests.support.api import start_api, until_ready
from tests.support.invariants import Views, check_invariants
from tests.support.servers import eventually, free_port
from tests.support.service import Deployment, House

INIT, PLAN, APPLY = 1, 2, 3
BODY = {
    "template": "sandbox",
    "project_id": "demo-project-1",
    "variables": {"resource_seconds": 20},
}


# Real terraform behind what Google's provider can do: the first interrupt changes nothing.
DEAF_TERRAFORM = """#!{python}
import os, signal, subprocess, sys

if "apply" not in sys.argv:
    os.execv("{terraform}", ["terraform", *sys.argv[1:]])
interrupts = []

def on_interrupt(number, frame):
    interrupts.append(number)
    if len(interrupts) > 1:
        terraform.send_signal(number)

signal.signal(signal.SIGINT, on_interrupt)
terraform = subprocess.Popen(["{terraform}", *sys.argv[1:]])
sys.exit(terraform.wait())
"""


@pytest.fixture
def deaf_house(house: House) -> House:
    program = house.data / "deaf-terraform"
    program.write_text(
        DEAF_TERRAFORM.format(python=sys.executable, terraform=shutil.which("terraform"))
    )
    program.chmod(0o700)
    house.settings["ANAVA_TERRAFORM__BINARY"] = str(program)
    return house


@pytest.fixture
async def session(house: House) -> AsyncIterator[httpx.AsyncClient]:
    port = free_port()
    start_api(house, port)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as session:
        await until_ready(session)
        yield session


async def deploy(
    session: httpx.AsyncClient, house: House, body: Mapping[str, object]
) -> Deployment:
    found = (await session.post("/api/deploy", json=body)).json()
    handle = house.client.get_workflow_handle(found["id"])
    return Deployment(found["id"], handle, house.data / "runs" / found["id"], found["stack"])


async def cancel(
    session: httpx.AsyncClient, deployment: Deployment, **more: object
) -> httpx.Response:
    path = f"/api/deployment/{deployment.id}/cancel"
    return await session.post(path, json={"reason": "wrong project", **more})


def signals(deployment: Deployment, step: int) -> list[str]:
    return [signal["signal"] for signal in deployment.exit(step)["signals"]]


async def assert_cancelled(
    session: httpx.AsyncClient, house: House, deployment: Deployment
) -> dict[str, object]:
    await deployment.result()
    seen: dict[str, object] = (await session.get(f"/api/deployment/{deployment.id}")).json()
    result = seen["result"]
    assert isinstance(result, dict)
    assert (seen["status"], seen["reason"]) == ("cancelled", "cancelled_by_user")
    assert result["cancel"] == {"by": "local", "reason": "wrong project"}
    assert await deployment.temporal_status() is WorkflowExecutionStatus.CANCELED
    await check_invariants(house, deployment, Views(api=session))
    return result


@pytest.mark.parametrize(
    ("step", "name"),
    [
        (APPLY, "started.json"),
        *(
            pytest.param(step, name, marks=pytest.mark.long)
            for step, name in (
                *((INIT, "step.json"), (PLAN, "step.json"), (APPLY, "step.json")),
                *((INIT, "started.json"), (PLAN, "started.json")),
            )
        ),
    ],
)
async def test_a_running_phase_is_interrupted_once(
    house: House, session: httpx.AsyncClient, step: int, name: str
) -> None:
    house.worker()
    deployment = await deploy(session, house, BODY)
    await deployment.until_file(step, name)
    answer = await cancel(session, deployment)
    assert answer.status_code == 202
    assert answer.json()["cancel_requested"] is True
    assert answer.json()["status"] in {"running", "cancelled"}

    await assert_cancelled(session, house, deployment)

    last = max(int(path.name) for path in (deployment.folder / "steps").iterdir())
    end = deployment.exit(last)
    if not signals(deployment, last):
        # Too quick to be met: it was done, and no further phase began; or it never began.
        done = {("exited", 0)} if last < APPLY else set()
        assert (end["outcome"], end["exit_code"]) in {("not_started", None), *done}
    else:
        assert signals(deployment, last) == ["SIGINT"]
        assert end["stop"]["cause"] == "cancel"


async def test_a_long_plan_is_interrupted_once_and_nothing_is_made(
    house: House, session: httpx.AsyncClient
) -> None:
    house.worker()
    # A second: long beside the way of a cancel, short beside the 10 s to the second interrupt on a
    # busy machine. It grows by the cube, in a part of terraform that no interrupt stops.
    body = {"template": "sandbox", "project_id": "demo-project-1", "variables": {"resources": 100}}
    deployment = await deploy(session, house, body)
    await deployment.until_file(PLAN, "started.json")
    await cancel(session, deployment)

    await assert_cancelled(session, house, deployment)

    assert signals(deployment, PLAN) == ["SIGINT"]
    assert not deployment.file(APPLY, "step.json").exists()
    assert not house.recorded(deployment)


async def test_a_cancel_behind_the_end_of_the_apply_is_called_too_late(
    house: House, session: httpx.AsyncClient
) -> None:
    worker = house.worker()
    body = {
        "template": "sandbox",
        "project_id": "demo-project-1",
        "variables": {"resource_seconds": 0.5},
    }
    deployment = await deploy(session, house, body)
    await deployment.until_text(APPLY, "apply_start")
    # Terraform ends, and no worker can tell anybody.
    worker.signal(signal.SIGSTOP)
    await deployment.until_file(APPLY, "exit.json")
    assert (await cancel(session, deployment)).status_code == 202
    worker.signal(signal.SIGCONT)

    result = await deployment.result()

    assert (result.status, result.cancel_too_late) == (Status.COMPLETED, True)
    assert result.cancel == CancelRequest("local", "wrong project")
    assert await deployment.temporal_status() is WorkflowExecutionStatus.COMPLETED
    assert len(house.recorded(deployment)) == 12
    await check_invariants(house, deployment, Views(api=session))
    again = await cancel(session, deployment)
    assert (again.status_code, again.json()["code"]) == (409, "already_finished")


async def test_what_waits_for_a_worker_is_cancelled_when_one_comes(
    house: House, session: httpx.AsyncClient
) -> None:
    deployment = await deploy(session, house, BODY)
    answer = await cancel(session, deployment)
    assert answer.status_code == 202
    assert answer.json()["status"] == "queued"

    house.worker()

    await assert_cancelled(session, house, deployment)
    assert not (deployment.folder / "steps").exists()


async def test_what_was_made_before_the_cancel_stays(
    house: House, session: httpx.AsyncClient
) -> None:
    house.worker()
    body = {
        "template": "sandbox",
        "project_id": "demo-project-1",
        "variables": {"resource_seconds": 2},
    }
    deployment = await deploy(session, house, body)
    await deployment.until_text(APPLY, "apply_complete")
    await cancel(session, deployment)

    result = await assert_cancelled(session, house, deployment)

    changed = result["changed"]
    assert isinstance(changed, list)
    assert changed
    assert set(changed) <= house.recorded(deployment)


async def test_a_second_cancel_keeps_the_first_reason_and_interrupts_no_second_time(
    house: House, session: httpx.AsyncClient
) -> None:
    house.worker()
    deployment = await deploy(session, house, BODY)
    await deployment.until_text(APPLY, "apply_start")
    await cancel(session, deployment)
    path = f"/api/deployment/{deployment.id}/cancel"
    again = await session.post(path, json={"reason": "another"})
    assert again.status_code in {202, 409}

    await assert_cancelled(session, house, deployment)

    assert signals(deployment, APPLY) == ["SIGINT"]


async def test_two_cancels_at_once_are_one(house: House, session: httpx.AsyncClient) -> None:
    house.worker()
    deployment = await deploy(session, house, BODY)
    await deployment.until_text(APPLY, "apply_start")
    answers = await asyncio.gather(cancel(session, deployment), cancel(session, deployment))
    assert [answer.status_code for answer in answers] == [202, 202]

    await assert_cancelled(session, house, deployment)

    assert signals(deployment, APPLY) == ["SIGINT"]


async def until_deaf(house: House, session: httpx.AsyncClient) -> Deployment:
    """An apply with open operations that one interrupt does not end."""
    deployment = await deploy(session, house, BODY)
    await deployment.until_text(APPLY, "apply_start")
    return deployment


async def assert_forced(house: House, deployment: Deployment) -> None:
    """The grace of three minutes was not waited for, and what that cost is said."""
    result = await deployment.result(60)
    assert signals(deployment, APPLY) == ["SIGINT", "SIGINT"]
    assert deployment.exit(APPLY)["stop"]["force"] is True
    assert (result.status, result.reason) == (Status.NEEDS_ATTENTION, Reason.OUTCOME_UNKNOWN)
    assert result.cancel == CancelRequest("local", "wrong project")
    await check_invariants(house, deployment)


async def test_force_behind_a_cancel_skips_the_waiting(
    deaf_house: House, session: httpx.AsyncClient
) -> None:
    deaf_house.worker()
    deployment = await until_deaf(deaf_house, session)
    await cancel(session, deployment)
    await eventually(deployment.file(APPLY, "stop.json").exists, "the stop")

    assert (await cancel(session, deployment, reason="now", force=True)).status_code == 202

    await assert_forced(deaf_house, deployment)


async def test_a_cancel_with_force_skips_the_waiting(
    deaf_house: House, session: httpx.AsyncClient
) -> None:
    deaf_house.worker()
    deployment = await until_deaf(deaf_house, session)

    assert (await cancel(session, deployment, force=True)).status_code == 202

    await assert_forced(deaf_house, deployment)


async def test_a_cancel_with_force_while_no_worker_is_up_keeps_its_force(
    deaf_house: House, session: httpx.AsyncClient
) -> None:
    """Both wait for one workflow task, in which the SDK hands over the signal first."""
    worker = deaf_house.worker()
    deployment = await until_deaf(deaf_house, session)
    worker.kill()
    assert (await cancel(session, deployment, force=True)).status_code == 202

    deaf_house.worker()

    await assert_forced(deaf_house, deployment)


async def test_a_finished_deployment_cannot_be_cancelled(
    house: House, session: httpx.AsyncClient
) -> None:
    house.worker()
    deployment = await deploy(
        session, house, {"template": "sandbox", "project_id": "demo-project-1"}
    )
    await deployment.result()

    async def refused() -> httpx.Response | None:
        answer = await cancel(session, deployment)
        return answer if answer.status_code == 409 else None

    answer = await eventually(refused, "the refusal")
    assert answer.json()["code"] == "already_finished"
