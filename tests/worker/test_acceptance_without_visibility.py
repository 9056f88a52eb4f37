"""Temporal's list of executions is away: what a host has prepared goes on."""

from pathlib import Path

import pytest
from temporalio.client import Client

from adapters.encryption import InputSigner, key_ring
from adapters.temporal.acceptance import TemporalAcceptances
from deployments.deployment import DeploymentRequest, Stack
from deployments.errors import TemporalUnavailable
from deployments.step_order import DeploymentInput
from deployments.temporal_names import DEPLOYMENT_WORKFLOW
from tests.support.grpc_proxy import grpc_proxy
from tests.support.ids import deployment_id
from tests.support.servers import TemporalServer
from tests.support.signing import signed_input
from tests.support.verdicts import Verdict
from worker.run_root import RunRoot

REQUEST = DeploymentRequest(Stack("sandbox", "demo-project-1", "anava"), "us-central1", "US")
INPUT = DeploymentInput("local", REQUEST)


def without_lists(method: str) -> Verdict:
    return Verdict.UNAVAILABLE if method.endswith("/ListWorkflowExecutions") else Verdict.PASS


async def test_an_outage_of_the_list_ends_no_prepared_deployment(
    temporal: TemporalServer, tmp_path: Path
) -> None:
    """Each activity of a worker that had just started was refused, and the deployment failed."""
    client = await temporal.client()
    runs, root = {}, RunRoot(tmp_path / "runs")
    for id in (deployment_id("prepared"), deployment_id("new")):
        input = signed_input(client, tmp_path, id, INPUT)
        # On a queue without a worker.
        started = await client.start_workflow(DEPLOYMENT_WORKFLOW, input, id=id, task_queue=id)
        runs[id] = str(started.first_execution_run_id)
    prepared, new = runs
    (tmp_path / "template").mkdir()
    origin = (root.host, runs[prepared])
    root.directory(prepared).make(tmp_path / "template", REQUEST, "{}", [], origin)
    async with grpc_proxy(temporal.address) as proxy:
        proxy.rule = without_lists
        signer = InputSigner(key_ring((), tmp_path))
        acceptances = TemporalAcceptances(
            await Client.connect(proxy.host), signer, root.is_prepared
        )
        accepted = await acceptances.read(prepared, runs[prepared])
        # Without a run directory of this host the execution may be a copy.
        with pytest.raises(TemporalUnavailable):
            await acceptances.read(new, runs[new])
    root.close()
    assert (accepted.id, accepted.execution) == (prepared, runs[prepared])
