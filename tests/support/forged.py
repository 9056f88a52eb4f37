"""Workflows that a program without a key of the service starts, with content of its own."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from temporalio.client import Client, WorkflowExecutionStatus

from deployments.temporal_names import (
    DEPLOYMENT_WORKFLOW,
    STACK_RECORD_WORKFLOW,
    Attribute,
    stack_record_id,
)
from tests.support.search_attributes import keywords

__all__ = ["FORGERIES", "OF_ANOTHER_RELEASE", "forged_deployment", "forged_stack_record"]

# By name: attributes and memo that this service never writes.
FORGERIES: dict[str, tuple[dict[Attribute, str], dict[str, Any]]] = {
    "request": ({}, {"request": [1]}),
    "start": ({}, {"started_at": {"a": 1}}),
    "host": ({}, {"host": 5}),
    "result": ({}, {"result": {"status": "failed"}}),
}
_END = {"status": "x", "reason": "x", "phase": "x"}
# Of a newer release, before a roll-back: readable, and what is not known is neutral.
OF_ANOTHER_RELEASE: dict[str, tuple[dict[Attribute, str], dict[str, Any]]] = {
    "status": ({Attribute.STATUS: "x"}, {}),
    "phase": ({Attribute.PHASE: "x"}, {}),
    "operation": ({Attribute.OPERATION: "x"}, {}),
    "reason": ({Attribute.REASON: "x"}, {}),
    "result": (
        {Attribute.STATUS: "x", Attribute.REASON: "x"},
        {"result": {**_END, "errors": [{"cause": "x", "message": "m", "severity": "x"}]}},
    ),
}


@asynccontextmanager
async def forged_deployment(
    client: Client, id: str, attributes: Mapping[Attribute, str], memo: Mapping[str, Any]
) -> AsyncIterator[None]:
    """An open workflow with the type of a deployment, which no worker runs."""
    handle = await client.start_workflow(
        DEPLOYMENT_WORKFLOW,
        id=id,
        task_queue="intruder",
        memo=memo,
        search_attributes=keywords(attributes),
    )
    try:
        yield
    finally:
        await handle.terminate()


@asynccontextmanager
async def forged_stack_record(
    client: Client, stack: str, memo: Mapping[str, Any]
) -> AsyncIterator[None]:
    """An open workflow with the id of a stack's record, which no worker runs.

    The service may replace the record meanwhile.
    """
    handle = await client.start_workflow(
        STACK_RECORD_WORKFLOW, id=stack_record_id(stack), task_queue="intruder", memo=memo
    )
    try:
        yield
    finally:
        if (await handle.describe()).status is WorkflowExecutionStatus.RUNNING:
            await handle.terminate()
