"""Deployments whose workflow ended without `finalize_deployment`, on a host of a worker."""

import asyncio
import fcntl
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from adapters.local.interruptions import LocalInterruptions
from adapters.settings import Settings
from adapters.terraform.state.backends import LocalStateBackend
from deployments.deployment import DeploymentRequest, Stack
from deployments.errors import Unavailable
from deployments.execution import WorkflowState
from deployments.step import StepKey
from tests.support.ids import deployment_id
from tests.support.servers import eventually
from tests.support.worker_host import worker_host
from tests.worker.steps.supervising import TOKEN, FakeTemporal, NoCredentials
from worker.host import WorkerHost
from worker.reattachment import Reattachment
from worker.steps.supervisors import Supervisors

REQUEST = DeploymentRequest(Stack("sandbox", "demo-project-1", "anava"), "us-central1", "US")
FIRST, SECOND = deployment_id("1"), deployment_id("2")


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[WorkerHost]:
    async with worker_host(Settings(data_dir=tmp_path)) as host:
        yield host


def state_of(serial: int) -> bytes:
    return json.dumps({"serial": serial, "lineage": "a", "resources": []}).encode()


async def test_a_printed_state_is_saved_before_the_next_deployment_of_the_stack(
    host: WorkerHost, tmp_path: Path
) -> None:
    """Only `errored.tfstate` was read: the next deployment began with the older state."""
    await host.prepare(FIRST, REQUEST)
    state = LocalStateBackend(tmp_path / "stacks" / REQUEST.stack.id / "terraform.tfstate")
    state.path.write_bytes(state_of(1))
    step = tmp_path / "runs" / FIRST / "steps" / "3"
    step.mkdir()
    (step / "spool").write_bytes(b'{"type":"log","state":' + state_of(2) + b"}\n")
    await host.prepare(SECOND, REQUEST)
    assert state.read() == state_of(2)


class EndedWorkflows(FakeTemporal):
    """All workflows have ended but those in `open`; there is never an answer about `refused`."""

    def __init__(self) -> None:
        super().__init__()
        self.open: set[str] = set()
        self.refuse_first = False
        self.refused = ""

    async def workflow_state(self, workflow_id: str) -> WorkflowState:
        if self.refuse_first and not self.refused:
            self.refused = workflow_id
        if workflow_id == self.refused:
            raise Unavailable("no answer")
        return WorkflowState.OPEN if workflow_id in self.open else WorkflowState.CLOSED


@asynccontextmanager
async def reattaching(host: WorkerHost, temporal: EndedWorkflows) -> AsyncIterator[None]:
    """Scan the run root for stale steps and abandoned deployments, as a worker does."""
    supervisors = Supervisors(host.step, temporal, lambda _: None, NoCredentials())
    reattachment = Reattachment(host, temporal, supervisors, scan_seconds=0.05)
    tasks = [
        asyncio.create_task(reattachment.run()),
        asyncio.create_task(reattachment.close_abandoned()),
    ]
    yield
    supervisors.hand_over()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await reattachment.finish()


async def test_a_stale_step_is_re_attached_while_an_abandoned_deployment_is_closed(
    host: WorkerHost, tmp_path: Path
) -> None:
    """A live process delayed the scan for 60 s, a bucket without an answer for 30 s."""
    await host.prepare(FIRST, REQUEST)
    await host.prepare(SECOND, REQUEST)
    temporal = EndedWorkflows()
    temporal.open = {SECOND}
    abandoned = tmp_path / "runs" / FIRST / "steps" / "3"
    abandoned.mkdir()
    with (abandoned / "alive.lock").open("w") as process:
        fcntl.flock(process, fcntl.LOCK_EX)
        async with reattaching(host, temporal):
            await eventually((abandoned / "stop.json").exists, "the stop of the live process")
            stale = host.step(StepKey(SECOND, 1))
            stale.claims.take(TOKEN)
            stale.claims.release()
            await eventually(lambda: stale.claims.newest() == 2, "the claim of this worker", 10)
    assert not (tmp_path / "runs" / FIRST / "record.json").exists()


async def test_a_deployment_that_cannot_be_closed_delays_no_other(
    host: WorkerHost, tmp_path: Path
) -> None:
    """The scan ended at the first deployment that failed, each time at the same."""
    deployments = {deployment_id(name) for name in "123"}
    for deployment in deployments:
        await host.prepare(deployment, REQUEST)
    temporal = EndedWorkflows()
    temporal.refuse_first = True

    def closed() -> set[str]:
        return {path.parent.name for path in tmp_path.glob("runs/dep-*/record.json")}

    async with reattaching(host, temporal):
        await eventually(lambda: len(closed()) == 2, "the records of the two others", 10)
    assert closed() == deployments - {temporal.refused}


async def test_a_run_directory_with_a_damaged_template_json_is_closed_and_its_state_saved(
    host: WorkerHost, tmp_path: Path
) -> None:
    """It held its slot, its secrets and its stack's states for ever."""
    await host.prepare(FIRST, REQUEST)
    run = tmp_path / "runs" / FIRST
    state = LocalStateBackend(tmp_path / "stacks" / REQUEST.stack.id / "terraform.tfstate")
    state.path.write_bytes(state_of(1))
    (run / "steps" / "3").mkdir()
    (run / "steps" / "3" / "spool").write_bytes(b'{"type":"log","state":' + state_of(2) + b"}\n")
    (run / "template.json").write_text("")

    async with reattaching(host, EndedWorkflows()):
        await eventually((run / "record.json").exists, "the record", 10)

    assert not (run / "work").exists()
    assert state.read() == state_of(2)
    assert LocalInterruptions(tmp_path).all() == []
    await host.prepare(SECOND, REQUEST)
