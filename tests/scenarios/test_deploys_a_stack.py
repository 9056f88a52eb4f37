"""A stack is deployed, deployed again, and fails truthfully."""

from temporalio.client import WorkflowExecutionStatus

from deployments.deployment import DeploymentRequest, Stack, Status
from deployments.reasons import Reason
from tests.support.invariants import check_invariants
from tests.support.service import House


async def test_twelve_resources_and_a_hidden_output(house: House) -> None:
    house.worker()
    deployment = await house.deploy(resource_seconds=0.1, secret="hunter2-planted")  # noqa: S106 - planted
    result = await deployment.result()
    assert (result.status, result.reason) == (Status.COMPLETED, Reason.APPLIED)
    assert result.counts.add == 12
    assert len(house.recorded(deployment)) == 12
    hidden = {output.name: output.value_json for output in result.outputs if output.sensitive}
    assert hidden == {"api_key": ""}
    for path in deployment.folder.rglob("*"):
        if path.is_file():
            assert b"hunter2-planted" not in path.read_bytes(), path
    assert result.seals == [seal for seal in result.seals if seal.lines > 0]
    await check_invariants(house, deployment)


async def test_a_failing_resource_is_named_with_file_and_line(house: House) -> None:
    house.worker()
    deployment = await house.deploy(resource_seconds=0.1, fail="services-2")
    result = await deployment.result()
    assert (result.status, result.reason) == (Status.FAILED, Reason.APPLY_FAILED)
    assert await deployment.temporal_status() is WorkflowExecutionStatus.FAILED
    named = [error for error in result.errors if error.resource]
    assert named[0].resource == 'terraform_data.services["services-2"]'
    assert named[0].file == "main.tf"
    assert named[0].line > 0
    # Its provisioner failed: the resource is in the state, and the next plan replaces it.
    assert result.tainted == [named[0].resource]
    assert set(result.changed) <= house.recorded(deployment)


async def test_a_second_deployment_of_a_busy_stack_is_refused(house: House) -> None:
    house.worker()
    first = await house.deploy(resource_seconds=3)
    await first.until_file(3, "started.json")
    tenant, *parts = first.stack.split(".")
    busy = Stack(parts[0], parts[1], parts[2], tenant)
    request = DeploymentRequest(busy, "us-central1", "US")
    second = await house.start(request)
    result = await second.result()
    assert (result.status, result.reason) == (Status.FAILED, Reason.STACK_BUSY)
    assert (await first.result()).status is Status.COMPLETED
    third = await house.start(request)
    assert (await third.result()).reason is Reason.NO_CHANGES
