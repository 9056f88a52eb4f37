"""An operator ends a running step with Temporal's command line; terraform runs on."""

import asyncio

import pytest

from deployments.deployment import Status
from deployments.reasons import Reason
from tests.support.invariants import check_invariants
from tests.support.servers import TEMPORAL
from tests.support.service import House

APPLY = 3
ENDS = {
    "nonsense": ("complete", "--result", '"nonsense"'),
    "fail": ("fail", "--reason", "a test"),
}


@pytest.mark.long
@pytest.mark.parametrize("end", ENDS)
async def test_a_step_that_an_operator_ends_is_followed_to_its_true_end(
    house: House, end: str
) -> None:
    """The deployment stayed `running` for ever, or said that terraform had not started."""
    house.worker()
    deployment = await house.deploy(resource_seconds=3)
    await deployment.until_text(APPLY, "apply_start")
    action, *options = ENDS[end]
    process = await asyncio.create_subprocess_exec(
        *(str(TEMPORAL), "activity", action, "--activity-id", f"step-{APPLY}"),
        *("--workflow-id", deployment.id, *options, "--address", house.address),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, output.decode()

    result = await deployment.result()

    assert (result.status, result.reason) == (Status.COMPLETED, Reason.APPLIED)
    assert set(await deployment.attempts()) == {1, 2, APPLY}
    assert len(house.recorded(deployment)) == 12
    await check_invariants(house, deployment)
