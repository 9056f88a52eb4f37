"""A program that reaches Temporal, and has no key of the service, makes the worker do nothing."""

import asyncio
import contextlib
import json
import os
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import WorkflowFailureError, WorkflowHandle

from adapters.encryption import InputSigner, key_ring
from adapters.temporal.acceptance import TemporalAcceptances
from deployments.deployment import DeploymentRequest, DeploymentResult, Stack, Status
from deployments.reasons import Reason
from deployments.step_order import DeploymentInput
from deployments.temporal_names import Memo
from tests.scenarios.hostile_inputs import hostile_inputs
from tests.support.forged import (
    FORGERIES,
    OF_ANOTHER_RELEASE,
    forged_deployment,
    forged_stack_record,
)
from tests.support.ids import deployment_id
from tests.support.intruder import Call, intrude, start_raw
from tests.support.servers import ROOT, TemporalServer, eventually
from tests.support.service import SHORT, House
from tests.support.signing import signed_input

STACK = Stack("sandbox", "demo-project-1", "intruded")
REQUEST = DeploymentRequest(STACK, "us-central1", "US", '{"resource_seconds": 0}')
INPUT = DeploymentInput("local", REQUEST, SHORT)
REFUSED = str(Reason.NOT_ACCEPTED_BY_API)
HOSTILE = ("../../evil/d1", "..", "/tmp/evil", "dep-a", "dep-" + "A" * 26, "dep-x\n", "x" * 900)  # noqa: S108 - a hostile id


def listing(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def victim(house: House) -> Path:
    """A run directory that this host made, with work in it, and a folder beside the run root."""
    folder = house.data / "victim"
    for name in ("work", "home", "steps"):
        (folder / name).mkdir(parents=True)
    return folder


async def test_what_the_api_did_not_sign_is_refused_before_anything_is_made(house: House) -> None:
    """The id `../../evil/d1` ran a foreign `main.tf` as the service."""
    house.worker()
    await house.until_up()
    # The last files that a worker makes at its start.
    runs = house.data / "runs"
    await eventually(lambda: any(runs.glob("workers/*.sinks.json")), "the status of the sinks")
    await eventually((runs / "retention").exists, "the first pass of the retention")
    before = listing(house.data / "runs")
    signed = signed_input(house.client, house.data, deployment_id("a"), INPUT)
    other_stack = replace(REQUEST, stack=replace(STACK, prefix="stolen"))
    old = signed_input(house.client, house.data, deployment_id("e"), INPUT, timedelta(minutes=6))
    late = replace(old, accepted_at=signed.accepted_at)
    unknown = replace(REQUEST, stack=replace(STACK, template="../evil"))
    attempts = dict.fromkeys(HOSTILE, INPUT) | {
        deployment_id("b"): INPUT,
        deployment_id("c"): signed,
        deployment_id("d"): replace(
            signed_input(house.client, house.data, deployment_id("d"), INPUT), request=other_stack
        ),
        deployment_id("e"): old,
        deployment_id("f"): late,
        deployment_id("g"): replace(INPUT, signature="é" * 64, accepted_at="yesterday"),
        deployment_id("h"): replace(INPUT, request=unknown),
        deployment_id("i"): replace(
            signed_input(house.client, house.data, deployment_id("i"), INPUT), owner="mallory"
        ),
    }
    # In a row: at the same time they would find the stack busy.
    reasons = {id: await start_raw(house.client, id, input) for id, input in attempts.items()}
    assert reasons == dict.fromkeys(attempts, REFUSED)
    assert listing(house.data / "runs") == before
    assert not (house.data / "evil").exists()


async def test_workflows_with_content_of_no_service_end_no_worker(house: House) -> None:
    """A workflow of a foreign start or status ended every worker, a record without memo as well."""
    stack = "local.sandbox.demo-project-1.forged"
    (house.data / "stacks" / stack).mkdir(parents=True)
    (house.data / "stacks" / stack / "terraform.tfstate").write_text('{"version": 4}')
    async with (
        forged_deployment(house.client, deployment_id("v"), *FORGERIES["start"]),
        forged_deployment(house.client, deployment_id("u"), *OF_ANOTHER_RELEASE["status"]),
        forged_stack_record(house.client, stack, {}),
    ):
        worker = house.worker()
        await house.until_up()
        log = house.data / "worker.log"
        await eventually(lambda: deployment_id("v") in log.read_text(), "the deployment in the log")
        await eventually(lambda: stack in log.read_text(), "the stack in the log")
        deployment = await house.start(REQUEST)
        assert (await deployment.result()).status is Status.COMPLETED
        assert worker.popen.poll() is None
        assert "Traceback" not in log.read_text()


async def test_a_foreign_workflow_cannot_use_an_activity(house: House) -> None:
    """`finalize_deployment` for `../victim` deleted that folder's `work` and `home`."""
    house.worker()
    await house.until_up()
    deployment = await house.start(REQUEST)
    assert (await deployment.result()).status is Status.COMPLETED
    folder, content = victim(house), deployment.folder / "record.json"
    record = content.read_bytes()
    (deployment.folder / "work").mkdir()
    queue = f"anava@{house.host}"
    calls = [
        (workflow_id, Call(on, activity, input))
        for target in ("../victim", deployment.id)
        for on, activity, input in hostile_inputs(queue, target)
        for workflow_id in (deployment.id, deployment_id("z"), "../victim")
    ]
    failures = await intrude(house.client, calls)
    assert failures == ["NotAcceptedByApi"] * len(calls)
    assert listing(folder) == {"work", "home", "steps"}
    assert (deployment.folder / "work").is_dir()
    assert content.read_bytes() == record


async def test_a_copy_of_an_ended_deployment_is_refused_on_every_host(house: House) -> None:
    house.worker()
    await house.until_up()
    id = deployment_id("q")
    signed = signed_input(house.client, house.data, id, INPUT)
    assert await start_raw(house.client, id, signed) == "done"
    record = (house.data / "runs" / id / "record.json").read_bytes()

    async def is_listed() -> bool:
        listed = house.client.list_workflows(f"WorkflowId = '{id}'")
        return [execution async for execution in listed] != []

    await eventually(is_listed, "the first execution in the list")
    assert await start_raw(house.client, id, signed) == REFUSED
    assert (house.data / "runs" / id / "record.json").read_bytes() == record
    # Without the list of executions the run directory still names its execution.
    assert await start_raw(house.client, id, signed) == REFUSED


@pytest.mark.long
async def test_a_reset_by_an_operator_is_no_copy(house: House) -> None:
    house.worker()
    await house.until_up()
    deployment = await house.start(REQUEST)
    assert (await deployment.result()).status is Status.COMPLETED
    first = (await deployment.handle.describe()).run_id
    answer = await house.client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=house.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=deployment.id, run_id=first),
            reason="an operator",
            workflow_task_finish_event_id=await first_task(deployment.handle),
            request_id="reset",
        )
    )
    with contextlib.suppress(WorkflowFailureError):
        await house.client.get_workflow_handle(deployment.id, run_id=answer.run_id).result()
    reset = await house.client.get_workflow_handle(deployment.id, run_id=answer.run_id).describe()
    result = await reset.memo_value(Memo.RESULT, type_hint=DeploymentResult)
    assert result.host != ""
    assert result.reason is not Reason.NOT_ACCEPTED_BY_API
    signer = InputSigner(key_ring((), house.data))
    acceptances = TemporalAcceptances(house.client, signer, lambda *_: False)
    accepted = await acceptances.read(deployment.id, answer.run_id)
    assert (accepted.id, accepted.execution) == (deployment.id, first)


async def first_task(handle: WorkflowHandle[Any, Any]) -> int:
    """The event of the first completed workflow task."""
    async for event in handle.fetch_history_events():
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
            return event.event_id
    raise AssertionError("no task was completed")


@pytest.mark.long
async def test_another_account_makes_the_service_run_read_and_delete_nothing(
    temporal: TemporalServer, tmp_path: Path
) -> None:
    """Its `main.tf` ran as the service, and `finalize_deployment` deleted its target."""
    if os.geteuid() != 0:
        pytest.skip("root is missing: only root can become another user")
    data, evil = tmp_path / "data", tmp_path / "evil" / "d1" / "work"
    data.mkdir()
    evil.mkdir(parents=True)
    (evil / "main.tf").write_text('resource "terraform_data" "x" {}')
    for folder in (evil, evil.parent, evil.parent.parent):
        os.chown(folder, 65534, 65534)
    house = House(await temporal.client(), temporal.address, data)
    try:
        house.worker()
        await house.until_up()
        deployment = await house.start(REQUEST)
        assert (await deployment.result()).status is Status.COMPLETED
        (deployment.folder / "work").mkdir()
        before = listing(data / "runs") | listing(data / "stacks")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.scenarios.other_account"),
            *(temporal.address, str(data), str(house.host), deployment.id),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await asyncio.wait_for(process.communicate(), 120)
        assert json.loads(output) == {
            "started": [REFUSED, REFUSED],
            "called": ["NotAcceptedByApi"],
            "read": ["PermissionError", "PermissionError"],
            "listed": "PermissionError",
            "removed": "PermissionError",
        }
        assert listing(data / "runs") | listing(data / "stacks") == before
        assert listing(tmp_path / "evil") == {"d1", "d1/work", "d1/work/main.tf"}
    finally:
        await house.close()
