"""A signal with any input leaves the deployment running and able to be cancelled."""

import json
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import Client
from temporalio.common import RawValue

from deployments.deployment import Status
from deployments.temporal_names import Signal
from deployments.timings import RetryLimits
from tests.support.servers import eventually
from tests.workflows.scripted import Scripted, ScriptedHost, done

RESOURCE = {"address": "a.b", "action": "create", "status": "running"}


def _raw(data: bytes, encoding: bytes = b"json/plain") -> RawValue:
    return RawValue(Payload(metadata={"encoding": encoding}, data=data))


INPUTS: dict[str, list[Any]] = {
    "nothing": [],
    "null": [None],
    "text": ["x"],
    "number": [1e308],
    "object": [RESOURCE],
    "list of texts": [["x"]],
    "list without a field": [[{"address": "a.b"}]],
    "wrong type of a field": [[RESOURCE | {"overdue": "perhaps"}]],
    "more than is expected": [[], "x", 5],
    "deep": [json.loads("[" * 90 + "]" * 90)],
    "broken JSON": [_raw(b"{")],
    "no UTF-8": [_raw(b"\xff\xfe")],
    "unknown encoding": [_raw(b"x", b"json/other")],
    "no encoding": [RawValue(Payload(data=b"x"))],
}


@pytest.mark.parametrize("name", Signal)
async def test_a_signal_with_any_input_does_not_stop_the_workflow(
    client: Client, name: Signal
) -> None:
    """`temporal workflow signal --name overdue` without input blocked the workflow for ever."""
    host = ScriptedHost([done])
    host.held.clear()
    async with host.workers(client):
        deployment = await Scripted.start(client, RetryLimits())
        await eventually(lambda: len(host.orders) == 3, "the apply")
        for input in INPUTS.values():
            await deployment.handle.signal(name, args=input)
        await deployment.handle.cancel()
        host.held.set()
        result = await deployment.result(20)
    assert result.status is Status.COMPLETED
    assert result.cancel_too_late
