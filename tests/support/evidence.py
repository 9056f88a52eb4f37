"""What a deployment left behind, collected once: the checker judges this and nothing else."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowExecutionStatus
from temporalio.converter import default as converter
from temporalio.converter import value_to_type

from adapters.encryption import AesGcmCipher, key_ring
from adapters.temporal.gateway import TemporalGateway
from api.services.deployments import DeploymentService
from deployments.deployment import DEFAULT_TENANT, DeploymentResult, Status
from deployments.errors import NotFound
from deployments.events import EndRecord
from deployments.execution import Caller
from deployments.phase import Phase
from deployments.reasons import Reason
from deployments.temporal_names import Attribute
from tests.support.service import SHORT, Deployment, House

__all__ = ["Evidence", "Step", "collect"]

# States hold every secret by nature and are never served. `work` is removed at the end.
_SECRET_BY_NATURE = {"stacks", "errored-states"}
_LOCAL = Caller(DEFAULT_TENANT, "local")
_OTHER = Caller(DEFAULT_TENANT, "another-owner")


@dataclass(frozen=True)
class Step:
    """One step's files."""

    number: int
    folder: Path

    @cached_property
    def lines(self) -> list[bytes]:
        """The event file, line by line, each with its newline."""
        path = self.folder / "events.jsonl"
        return path.read_bytes().splitlines(keepends=True) if path.exists() else []

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]

    @cached_property
    def exit(self) -> dict[str, Any]:
        path = self.folder / "exit.json"
        content: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return content

    @property
    def phase(self) -> str:
        return next((str(event["phase"]) for event in self.events if "phase" in event), "")

    @property
    def succeeded(self) -> bool:
        return (self.exit.get("outcome"), self.exit.get("exit_code")) == ("exited", 0)

    def resources(self) -> Iterator[tuple[str, str, str]]:
        """Address, action and status, line by line."""
        for event in self.events:
            resource = event.get("resource", {})
            if "status" in resource:
                yield resource["address"], resource.get("action", ""), resource["status"]


@dataclass(frozen=True)
class Evidence:
    """A deployment that has ended, as files, Temporal and the API's service show it.

    `statuses` are its final status by the place that shows it; `transitions` all that the workflow
    wrote, in order; `recorded` the addresses in the state of its stack, `tainted` those of them
    that a local state marks so; `closed` how Temporal closed it.
    """

    id: str
    data: Path
    stack: str
    result: DeploymentResult
    closed: WorkflowExecutionStatus | None
    recorded: set[str]
    tainted: set[str] = field(default_factory=set)
    statuses: dict[str, str] = field(default_factory=dict)
    transitions: list[str] = field(default_factory=list)
    history: bytes = b""
    executions: int = 1
    seen_by_another: bool = False

    @property
    def folder(self) -> Path:
        return self.data / "runs" / self.id

    @property
    def steps(self) -> list[Step]:
        numbers = (int(path.name) for path in (self.folder / "steps").glob("[0-9]*"))
        return [Step(number, self.folder / "steps" / str(number)) for number in sorted(numbers)]

    @property
    def record(self) -> dict[str, Any]:
        path = self.folder / "record.json"
        content: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return content

    @property
    def seals(self) -> dict[int, EndRecord]:
        return {seal.step: seal for seal in self.result.seals}

    def siblings(self) -> Iterator["Evidence"]:
        """Other deployments of the same stack on this host, by their files alone."""
        for path in (self.data / "runs").glob("dep-*/record.json"):
            record = json.loads(path.read_text())
            if record.get("abandoned"):
                continue
            stack = record["request"]["stack"]
            names = (stack["tenant"], stack["template"], stack["project_id"], stack["prefix"])
            if path.parent.name != self.id and ".".join(names) == self.stack:
                yield Evidence(path.parent.name, self.data, self.stack, self.result, None, set())

    def contents(self) -> Iterator[tuple[str, bytes]]:
        """All that was written of the deployment and is no state or plan, by where it lies."""
        yield "the history", self.history
        for path in self.data.rglob("*"):
            below = path.relative_to(self.data).parts
            if below[0] not in _SECRET_BY_NATURE and path.is_file():
                yield str(path), path.read_bytes()


async def collect(
    house: House, deployment: Deployment, recorded: set[str] | None = None
) -> Evidence:
    """Wait for the end and look everywhere once.

    Args:
        house: the host.
        deployment: one that ends by itself.
        recorded: the addresses in the state, where that lies elsewhere.
    """
    description = await deployment.handle.describe()
    terminated = description.status is WorkflowExecutionStatus.TERMINATED
    result = _recorded_result(house, deployment) if terminated else await deployment.result()
    description = await deployment.handle.describe()
    history = await deployment.handle.fetch_history()
    pairs = description.typed_search_attributes
    attributes = {pair.key.name: pair.value for pair in pairs}
    service = DeploymentService(
        TemporalGateway(house.client, key_ring((), house.data)),
        SHORT,
        AesGcmCipher.open((), house.data),
    )
    snapshot = await service.get(_LOCAL, deployment.id)
    try:
        await service.get(_OTHER, deployment.id)
        seen_by_another = True
    except NotFound:
        seen_by_another = False
    found = Evidence(
        deployment.id,
        house.data,
        snapshot.stack,
        result,
        None if terminated else description.status,
        house.recorded(deployment) if recorded is None else recorded,
        house.tainted(deployment) if recorded is None else set(),
        transitions=[] if terminated else list(_transitions(history.events)),
        history=b"".join(event.SerializeToString() for event in history.events),
        executions=await _executions(house, deployment),
        seen_by_another=seen_by_another,
    )
    found.statuses["the API"] = str(snapshot.status)
    if not terminated:
        # Nobody writes to the memo of a workflow that was terminated.
        found.statuses["the memo"] = str(result.status)
        found.statuses["the search attribute"] = str(attributes.get(Attribute.STATUS, ""))
    if "result" in found.record:
        found.statuses["the record"] = str(found.record["result"]["status"])
    return found


def _recorded_result(house: House, deployment: Deployment) -> DeploymentResult:
    """The result in the record; the worker that closes a terminated deployment writes none."""
    record = json.loads((house.data / "runs" / deployment.id / "record.json").read_text())
    if record.get("abandoned"):
        return DeploymentResult(Status.NEEDS_ATTENTION, Reason.TERMINATED_BY_OPERATOR, Phase.APPLY)
    result: DeploymentResult = value_to_type(DeploymentResult, record["result"])
    return result


async def _executions(house: House, deployment: Deployment) -> int:
    query = f"WorkflowId = '{deployment.id}'"
    return len([execution async for execution in house.client.list_workflows(query)])


def _transitions(events: Any) -> Iterator[str]:
    for event in events:
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
            fields: Mapping[str, Any] = (
                event.workflow_execution_started_event_attributes.search_attributes.indexed_fields
            )
        elif event.event_type == EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
            upsert = event.upsert_workflow_search_attributes_event_attributes
            fields = upsert.search_attributes.indexed_fields
        else:
            continue
        if Attribute.STATUS in fields:
            value = converter().payload_converter.from_payload(fields[Attribute.STATUS])
            yield str(Status(value[0] if isinstance(value, list) else value))
