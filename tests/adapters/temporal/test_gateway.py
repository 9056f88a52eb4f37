"""The gateway writes a deployment and reads it back, lists it, cancels it; without any worker."""

from dataclasses import replace

import pytest
from temporalio import workflow

from adapters.temporal.gateway import TemporalGateway
from adapters.temporal.queries import PageCursors, list_query
from deployments.deployment import (
    DEFAULT_TENANT,
    CancelRequest,
    DeploymentRequest,
    Operation,
    Stack,
    Status,
)
from deployments.errors import InvalidRequest, NotFound, TemporalUnavailable
from deployments.execution import Caller, DeploymentFilter, DeploymentSnapshot
from deployments.phase import Phase
from deployments.reasons import Reason
from deployments.step_order import DeploymentInput
from deployments.temporal_names import DEPLOYMENT_WORKFLOW, Attribute, Signal
from tests.support.servers import TemporalServer, eventually
from workflows.deployment import DeploymentWorkflow

INPUT = DeploymentInput(
    "ann", DeploymentRequest(Stack("sandbox", "demo-project-1", "a"), "us-central1", "US")
)
# More than a page of the API holds, whatever it is asked for.
COUNT = 101
CALLER = Caller(DEFAULT_TENANT, "ann")
INITIAL = DeploymentSnapshot(
    id="dep-a",
    tenant=CALLER.tenant,
    owner=CALLER.owner,
    stack="local.sandbox.customer-1.anava",
    operation=Operation.DESTROY,
    status=Status.QUEUED,
    phase=Phase.QUEUE,
    reason=Reason.NONE,
    created_at="",
    request={"template": "sandbox"},
    request_sha256="0123",
)


async def open_gateway(server: TemporalServer) -> TemporalGateway:
    return TemporalGateway(await server.client())


def test_names_are_those_of_the_workflow() -> None:
    definition = workflow._Definition.must_from_class(DeploymentWorkflow)
    assert definition.name == DEPLOYMENT_WORKFLOW
    assert set(definition.signals) == set(Signal)


def test_a_cancel_request_survives_its_way_through_temporal() -> None:
    request = CancelRequest("ann", 'a "reason" \n ä')
    assert CancelRequest.decode(request.encode()) == request


async def test_each_of_many_is_found_and_cancelled_even_after_a_restart(
    server: TemporalServer,
) -> None:
    client = await server.client()
    wanted = {f"dep-{number}" for number in range(COUNT)}
    for item in wanted:
        await client.start_workflow("DeploymentWorkflow", id=item, task_queue="nobody")
    await client.start_workflow("StackHolderWorkflow", id="stack-a", task_queue="nobody")
    gateway = await open_gateway(server)

    async def all_listed() -> bool:
        return set(await gateway.running_ids()) == wanted

    await eventually(all_listed, "every deployment")
    server.kill()
    server.start()
    assert set(await gateway.running_ids()) == wanted
    await gateway.cancel("dep-0", CancelRequest("local", "a test"))
    with pytest.raises(NotFound):
        await gateway.cancel("dep-unknown", CancelRequest("local", "a test"))
    assert (await gateway.read("dep-0")).cancel_requested


async def test_a_deployment_is_read_and_listed_as_it_was_started(server: TemporalServer) -> None:
    gateway = await open_gateway(server)
    await gateway.start(INITIAL, INPUT, "details")
    started = await gateway.read("dep-a")
    assert started == replace(INITIAL, created_at=started.created_at)
    # A repeat changes nothing.
    await gateway.start(replace(INITIAL, owner="bob"), INPUT, "details")
    assert await gateway.read("dep-a") == started

    async def listed() -> bool:
        page = await gateway.list_page(CALLER, DeploymentFilter(), 10, None)
        return page.items == [started]

    await eventually(listed, "the deployment in a list")
    for stranger in (Caller(DEFAULT_TENANT, "bob"), Caller("other", "ann")):
        assert (await gateway.list_page(stranger, DeploymentFilter(), 10, None)).items == []
    by_project = DeploymentFilter(project="customer-1", status=Status.QUEUED)
    assert (await gateway.list_page(CALLER, by_project, 10, None)).items == [started]
    for stack, expected in ((INITIAL.stack, [started]), ("another", []), (None, [started])):
        by_stack = DeploymentFilter(attributes={Attribute.STACK: stack})
        assert (await gateway.list_page(CALLER, by_stack, 10, None)).items == expected
    assert await gateway.list_recent(60) == [replace(started, request={}, request_sha256="")]
    assert await gateway.count_running() == 1
    assert await gateway.count_running(Phase.QUEUE, Phase.PLAN) == 1
    assert await gateway.count_running(Phase.PLAN) == 0


async def test_errors_of_temporal_are_ours(server: TemporalServer) -> None:
    gateway = await open_gateway(server)
    with pytest.raises(NotFound):
        await gateway.read("dep-unknown")
    with pytest.raises(NotFound):
        await gateway.force_cancel("dep-unknown")
    with pytest.raises(NotFound):
        async for _ in gateway.changes("dep-unknown"):
            pass
    server.end()
    with pytest.raises(TemporalUnavailable):
        await gateway.ping()


@pytest.mark.parametrize("value", ["a' OR 'b", "", "x" * 201, "a\nb", "ä"])
def test_no_value_leaves_its_literal_in_a_query(value: str) -> None:
    for caller, filters in (
        (CALLER, DeploymentFilter(attributes={Attribute.STACK: value})),
        (CALLER, DeploymentFilter(project=value + "'")),
        (Caller(value, "ann"), DeploymentFilter()),
        (Caller(DEFAULT_TENANT, value), DeploymentFilter()),
    ):
        with pytest.raises(InvalidRequest):
            list_query(caller, filters)


def test_a_cursor_belongs_to_one_query() -> None:
    query = list_query(CALLER, DeploymentFilter())
    cursors = PageCursors([b"key"])
    cursor = cursors.write(query, b"token")
    assert cursors.read(query, cursor) == b"token"
    assert cursors.read(query, None) is None
    for wrong in ("", "x", cursor[:-4], cursor[4:], cursors.write("another query", b"token")):
        with pytest.raises(InvalidRequest):
            cursors.read(query, wrong)


def test_a_cursor_of_an_older_key_is_read_and_of_another_service_is_not() -> None:
    cursor = PageCursors([b"old"]).write("query", b"token")
    assert PageCursors([b"new", b"old"]).read("query", cursor) == b"token"
    for keys in ([b"new"], []):
        with pytest.raises(InvalidRequest):
            PageCursors(keys).read("query", cursor)
