"""A deployment whose workflow ends when it is told to, and whose log a test writes itself."""

import hashlib
import json
import uuid
from pathlib import Path

import httpx
from temporalio import workflow
from temporalio.client import Client
from temporalio.common import SearchAttributeKey

from deployments.deployment import DeploymentResult, Status
from deployments.events import EndKind, EndRecord, EventChunk
from deployments.explanations import Actor
from deployments.findings import Finding, Severity
from deployments.phase import Phase
from deployments.reasons import Reason
from deployments.step import Counts, Output
from deployments.temporal_names import Attribute, Memo
from tests.support.logs import EventFileSink
from workflows.deployment import DeploymentInput

Event = tuple[str, str, dict[str, object]]


@workflow.defn(name="DeploymentWorkflow")
class ScriptedWorkflow:
    """Ends with the result it is sent."""

    def __init__(self) -> None:
        self._result: DeploymentResult | None = None

    @workflow.run
    async def run(self, input: DeploymentInput) -> None:
        await workflow.wait_condition(lambda: self._result is not None)
        workflow.upsert_memo({Memo.RESULT: self._result})
        status = SearchAttributeKey.for_keyword(Attribute.STATUS)
        workflow.upsert_search_attributes([status.value_set(Status.COMPLETED)])

    @workflow.signal
    def end(self, result: DeploymentResult) -> None:
        self._result = result


async def deploy(api: httpx.AsyncClient) -> str:
    prefix = "p" + uuid.uuid4().hex[:8]
    answer = await api.post(
        "/api/deploy", json={"template": "sandbox", "project_id": "customer-1", "prefix": prefix}
    )
    return str(answer.json()["id"])


async def write(run_root: Path, deployment: str, step: int, lines: int) -> EndRecord:
    seal, chunk = stored(step, lines)
    await EventFileSink(run_root).write(deployment, chunk)
    return seal


def stored(step: int, lines: int) -> tuple[EndRecord, EventChunk]:
    """The whole log of a step, with its end record."""
    events = [
        {
            "id": f"{step}-{line}",
            "time": "2026-01-01T00:00:00Z",
            "level": "info",
            "phase": "apply",
            "text": f'line {line} ,"end": "\n\r\u2028 {{',
        }
        for line in range(1, lines + 1)
    ]
    data = b"".join(json.dumps(event).encode() + b"\n" for event in events)
    seal = EndRecord(step, EndKind.COMPLETE, lines, hashlib.sha256(data).hexdigest())
    return seal, EventChunk(step, 1, lines + 1, data + seal.encode())


def events(text: str) -> list[Event]:
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line)
        if fields:
            found.append((fields["event"], fields.get("id", ""), json.loads(fields["data"])))
    return found


def log_ids(found: list[Event]) -> list[str]:
    frames = [content["lines"] for name, _, content in found if name == "log"]
    return [line[0] for lines in frames if isinstance(lines, list) for line in lines]


async def finish(client: Client, deployment: str, *seals: EndRecord) -> None:
    result = DeploymentResult(
        Status.COMPLETED,
        Reason.APPLIED,
        Phase.APPLY,
        counts=Counts(add=2),
        errors=[
            Finding(
                Reason.NONE, "odd", Severity.WARNING, file="main.tf", line=7, actor=Actor.GOOGLE
            )
        ],
        outputs=[Output("url", False, '"x"'), Output("key", True, '"leak"')],  # noqa: FBT003
        seals=list(seals),
    )
    handle = client.get_workflow_handle(deployment)
    await handle.signal(ScriptedWorkflow.end, result)
    await handle.result()
