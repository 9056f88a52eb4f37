"""A whole house for one scenario: run root, workers, deployments, and what they left."""

import asyncio
import base64
import contextlib
import json
import os
import sys
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle

from adapters.encryption import AesGcmCipher
from adapters.local import atomic_files
from adapters.settings import base_environment
from deployments.deployment import DeploymentRequest, DeploymentResult, Stack
from deployments.secret_variables import encrypt_variables
from deployments.temporal_names import SHARED_QUEUE, STACK_RECORD_WORKFLOW, Attribute, Memo
from deployments.timings import PhaseTimeouts, RetryLimits, StopLadder, Timings
from tests.support.processes import end_processes_below
from tests.support.search_attributes import keywords
from tests.support.secrets import PLANTED
from tests.support.servers import ROOT, Process, eventually
from tests.support.signing import signed_input
from worker.state_reconciliation import addresses_in, tainted_in
from workflows.deployment import DeploymentInput, DeploymentWorkflow

# Small, but in the order that the inequalities ask for.
SHORT = Timings(
    heartbeat_timeout_seconds=20,
    lease_seconds=60,
    failover_wait_seconds=30,
    host_silence_seconds=20,
    host_absence_seconds=120,
    ladder=StopLadder(
        # Four tests run at once on two cores: terraform needs seconds to end after an interrupt.
        second_interrupt_seconds=10,
        grace_seconds=20,
        saving_limit_seconds=30,
        kill_seconds=5,
        lost_lease_second_seconds=10,
        lost_lease_kill_seconds=15,
    ),
    retries=RetryLimits(first_pause_seconds=2, longest_pause_seconds=8, propagation_seconds=60),
)


@dataclass
class Deployment:
    """One deployment of a scenario."""

    id: str
    handle: WorkflowHandle[Any, Any]
    folder: Path
    stack: str

    def file(self, step: int, name: str) -> Path:
        return self.folder / "steps" / str(step) / name

    async def until_file(self, step: int, name: str) -> None:
        await eventually(self.file(step, name).exists, f"{name} of step {step}")

    async def until_text(self, step: int, text: str) -> None:
        events = self.file(step, "spool")
        await eventually(
            lambda: events.exists() and text in events.read_text(), f"{text!r} in {step}", 60
        )

    async def result(self, seconds: float = 90) -> DeploymentResult:
        """The end as the memo tells it, however the workflow ended."""
        with contextlib.suppress(WorkflowFailureError):
            await asyncio.wait_for(self.handle.result(), seconds)
        description = await self.handle.describe()
        return await description.memo_value(Memo.RESULT, type_hint=DeploymentResult)

    async def temporal_status(self) -> WorkflowExecutionStatus | None:
        return (await self.handle.describe()).status

    def begun(self) -> set[int]:
        """The steps whose `step.json` is written."""
        return {int(path.parent.name) for path in (self.folder / "steps").glob("*/step.json")}

    async def attempts(self) -> dict[int, int]:
        """Temporal's attempt of the activity that ran each step."""
        history = await self.handle.fetch_history()
        scheduled = {
            event.event_id: event.activity_task_scheduled_event_attributes.activity_id
            for event in history.events
            if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
        }
        return {
            int(name.removeprefix("step-")): started.attempt
            for started in (
                event.activity_task_started_event_attributes
                for event in history.events
                if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED
            )
            if (name := scheduled[started.scheduled_event_id]).startswith("step-")
        }

    def events(self, step: int) -> list[dict[str, Any]]:
        lines = self.file(step, "events.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def started(self, step: int) -> dict[str, Any]:
        """Process ids and start times of the runner and of terraform."""
        content: dict[str, Any] = json.loads(self.file(step, "started.json").read_text())
        return content

    def exit(self, step: int) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.file(step, "exit.json").read_text())
        return content


@dataclass
class House:
    """One host with its workers on a running Temporal.

    Attributes:
        forks: whether worker and API are forked from a process that has imported them. False where
            a test is about the process itself, or measures it.
    """

    client: Client
    address: str
    data: Path
    settings: dict[str, str] = field(default_factory=dict)
    workers: list[Process] = field(default_factory=list)
    forks: bool = True

    def environment(self) -> dict[str, str]:
        known = base_environment()
        inherited = {name: known[name] for name in ("PATH", "HOME") if name in known}
        return {
            **inherited,
            "TEMPORAL_ADDRESS": self.address,
            "ANAVA_DATA_DIR": str(self.data),
            **self.settings,
        }

    def worker(self, program: str = "worker_main.py", **settings: str) -> Process:
        environment = {**self.environment(), "PYTHONPATH": str(ROOT), **settings}
        argv = [sys.executable, str(ROOT / program)]
        return self.run(argv, environment, self.data / "worker.log", forks=self.forks)

    def run(
        self, argv: list[str], environment: dict[str, str], log: Path, *, forks: bool
    ) -> Process:
        """Start a program of the service; the house ends it."""
        process = Process(argv, environment, log, forks=forks)
        self.workers.append(process)
        return process

    async def until_up(self, workers: int = 1) -> None:
        log = self.data / "worker.log"
        await eventually(
            lambda: log.exists() and log.read_text().count(" is up") >= workers, "the worker"
        )

    async def deploy(
        self,
        timings: Timings = SHORT,
        timeouts: PhaseTimeouts | None = None,
        prefix: str = "",
        **variables: str | float,
    ) -> Deployment:
        prefix = prefix or "p" + uuid.uuid4().hex[:8]
        stack = Stack("sandbox", "demo-project-1", prefix)
        request = DeploymentRequest(
            stack, "us-central1", "US", json.dumps(variables), timeouts=timeouts or PhaseTimeouts()
        )
        return await self.start(request, timings)

    async def start(
        self,
        request: DeploymentRequest,
        timings: Timings = SHORT,
        credential_ref: str = "",
        owner: str = "local",
    ) -> Deployment:
        """Start a deployment of exactly this request."""
        id = "dep-" + base64.b32encode(os.urandom(16)).decode().lower().rstrip("=")
        stack = request.stack
        sealed = encrypt_variables(_planted(request), id, AesGcmCipher.open((), self.data))
        handle = await self.client.start_workflow(
            DeploymentWorkflow.run,
            signed_input(
                self.client,
                self.data,
                id,
                DeploymentInput(owner, sealed, timings, credential_ref),
            ),
            id=id,
            task_queue=SHARED_QUEUE,
            search_attributes=keywords(
                {
                    Attribute.STATUS: "queued",
                    Attribute.OWNER: owner,
                    Attribute.STACK: stack.id,
                }
            ),
        )
        return Deployment(id, handle, self.data / "runs" / id, stack.id)

    @property
    def host(self) -> object:
        """The id of the host; `None` before its first worker."""
        return (atomic_files.read(self.data / "runs" / "host.json") or {}).get("id")

    def known(self, id: str, stack: str) -> Deployment:
        """A deployment that was started through the API."""
        handle = self.client.get_workflow_handle(id)
        return Deployment(id, handle, self.data / "runs" / id, stack)

    def recorded(self, deployment: Deployment) -> set[str]:
        """Addresses in the stack's state."""
        return addresses_in(self._state(deployment))

    def tainted(self, deployment: Deployment) -> set[str]:
        """Addresses that the stack's state marks as created in part."""
        return tainted_in(self._state(deployment))

    def _state(self, deployment: Deployment) -> bytes:
        path = self.data / "stacks" / deployment.stack / "terraform.tfstate"
        return path.read_bytes() if path.exists() else b""

    async def forget_states(self) -> None:
        """Remove the records of the stacks of this host, whose disk goes with the test."""
        query = f"WorkflowType = '{STACK_RECORD_WORKFLOW}' AND ExecutionStatus = 'Running'"
        host = self.host
        async for execution in self.client.list_workflows(query):
            if (await execution.memo_value("record"))["host"] == host:
                await self.client.get_workflow_handle(execution.id).terminate()

    async def close(self) -> None:
        """End every process, and remove the records of this host's stacks from Temporal."""
        self.end()
        await self.forget_states()

    def end(self) -> None:
        for worker in self.workers:
            worker.end()
        end_processes_below(self.data)


def _planted(request: DeploymentRequest) -> DeploymentRequest:
    """The request with a secret that must be found nowhere, where its template takes one."""
    variables = json.loads(request.variables_json)
    if request.stack.template != "sandbox" or "secret" in variables:
        return request
    return replace(request, variables_json=json.dumps({**variables, "secret": PLANTED}))
