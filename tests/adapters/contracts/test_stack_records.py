"""The records of stacks: in memory and on a real Temporal."""

import asyncio
from uuid import uuid4

import pytest

from adapters.temporal.stack_records import TemporalStackRecords
from deployments.errors import RecordUnreadable, TemporalUnavailable
from deployments.stack_record import StackRecord
from deployments.temporal_names import stack_record_id
from tests.support.forged import forged_stack_record
from tests.support.servers import TemporalServer
from tests.support.stack_records import StackRecordsInMemory
from worker.stack_states import StackRecords

FIRST = StackRecord("host:a", "a", "lineage", 3)
SECOND = StackRecord("gs://states/stacks/x", "b", "lineage", 4, saved=False)


@pytest.fixture(params=["memory", "temporal"])
async def records(request: pytest.FixtureRequest, temporal: TemporalServer) -> StackRecords:
    if request.param == "memory":
        return StackRecordsInMemory()
    return TemporalStackRecords(await temporal.client())


async def test_a_record_is_read_back_replaced_and_removed(records: StackRecords) -> None:
    stack = f"local.sandbox.demo-project-1.{uuid4().hex[:8]}"
    assert await records.read(stack) is None
    await records.write(stack, FIRST)
    assert await records.read(stack) == FIRST
    await records.write(stack, SECOND)
    assert await records.read(stack) == SECOND
    assert await records.read(f"{stack}x") is None
    await records.remove(stack)
    await records.remove(stack)
    assert await records.read(stack) is None
    await records.write(stack, FIRST)
    assert await records.read(stack) == FIRST


async def test_an_operator_who_moved_a_state_removes_the_record(temporal: TemporalServer) -> None:
    client = await temporal.client()
    records = TemporalStackRecords(client)
    await records.write("moved", FIRST)
    await client.get_workflow_handle(stack_record_id("moved")).terminate()
    assert await records.read("moved") is None
    await records.write("moved", SECOND)
    assert await records.read("moved") == SECOND


@pytest.mark.parametrize("memo", [{}, {"record": {"location": 5}}, {"record": None}])
async def test_a_forged_record_is_an_error_of_this_service_and_is_replaced(
    temporal: TemporalServer, memo: dict[str, object]
) -> None:
    client = await temporal.client()
    records, stack = TemporalStackRecords(client), f"forged-{uuid4().hex[:8]}"
    async with forged_stack_record(client, stack, memo):
        with pytest.raises(RecordUnreadable):
            await records.read(stack)
    await records.write(stack, FIRST)
    assert await records.read(stack) == FIRST


async def test_a_temporal_that_is_away_is_no_missing_record(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    server = TemporalServer(tmp_path_factory.mktemp("temporal"))
    server.start()
    records = TemporalStackRecords(await server.client())
    server.end()
    calls = (records.read("x"), records.write("x", FIRST), records.remove("x"))
    errors = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(error) for error in errors] == [TemporalUnavailable] * 3
