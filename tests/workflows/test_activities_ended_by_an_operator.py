"""A wrong end of an activity by Temporal's command line leaves no deployment stuck."""

import asyncio
import json

import pytest
from temporalio.client import Client

from deployments.deployment import Status
from deployments.phase import Phase
from deployments.reasons import Reason
from deployments.timings import RetryLimits
from tests.support.servers import TEMPORAL, TemporalServer, eventually
from tests.workflows.scripted import Scripted, ScriptedHost, done

# As an operator writes them; none is the result of a step.
RESULTS = [
    '"nonsense"',
    "null",
    "{}",
    "[]",
    "1e308",
    '{"key": 1, "phase": "apply", "outcome": "done"}',
    '{"key": {"deployment": "x", "step": 9}, "phase": "apply", "outcome": "done"}',
    json.dumps({"key": json.loads("[" * 90 + "]" * 90)}),
]


async def operator(server: TemporalServer, *arguments: str) -> None:
    """Run Temporal's command line."""
    process = await asyncio.create_subprocess_exec(
        *(str(TEMPORAL), "activity", *arguments, "--address", server.address),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, output.decode()


async def until_pending(deployment: Scripted, type: str) -> str:
    """The id of a running activity of this type."""

    async def running() -> str:
        description = await deployment.handle.describe()
        pending = description.raw_description.pending_activities
        return next((row.activity_id for row in pending if row.activity_type.name == type), "")

    return await eventually(running, type)


@pytest.mark.parametrize("end", [*RESULTS, "fail"])
async def test_a_wrong_end_of_a_step_is_replaced_by_the_truth_of_the_host(
    client: Client, server: TemporalServer, end: str
) -> None:
    """`temporal activity complete --result '"nonsense"'` blocked the workflow for ever."""
    host = ScriptedHost([done])
    host.held.clear()
    async with host.workers(client):
        deployment = await Scripted.start(client, RetryLimits())
        await eventually(lambda: host.phases[-1:] == [Phase.APPLY], "the apply")
        id = await until_pending(deployment, "run_step")
        of_step = ("--activity-id", id, "--workflow-id", deployment.handle.id)
        if end == "fail":
            await operator(server, "fail", *of_step, "--reason", "a test")
        else:
            await operator(server, "complete", *of_step, "--result", end)
        await eventually(lambda: host.phases.count(Phase.APPLY) == 2, "the attach")
        host.held.set()
        result = await deployment.result(20)
    assert (result.status, result.reason) == (Status.COMPLETED, Reason.APPLIED)
    assert host.orders[-1].key == host.orders[-2].key


@pytest.mark.parametrize(
    ("type", "result"),
    [
        ("prepare_deployment", '"nonsense"'),
        ("check_project", '"nonsense"'),
        ("find_existing", "1"),
        ("report_plan", '"nonsense"'),
        ("finalize_deployment", '"nonsense"'),
        ("finalize_deployment", '{"status": "queued", "reason": "none", "phase": "apply"}'),
        ("finalize_deployment", '{"status": "x", "reason": "x", "phase": "x"}'),
    ],
)
async def test_a_wrong_result_of_another_activity_repeats_the_activity(
    client: Client, server: TemporalServer, type: str, result: str
) -> None:
    host = ScriptedHost([done])
    gate = host.gates[type] = asyncio.Event()
    async with host.workers(client):
        deployment = await Scripted.start(client, RetryLimits(), template="anava")
        id = await until_pending(deployment, type)
        await eventually(lambda: type in host.reached, "the activity")
        of_activity = ("--activity-id", id, "--workflow-id", deployment.handle.id)
        await operator(server, "complete", *of_activity, "--result", result)
        gate.set()
        end = await deployment.result(20)
    assert (end.status, end.reason) == (Status.COMPLETED, Reason.APPLIED)
