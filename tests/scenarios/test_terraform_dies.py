"""Terraform ends although this service did not stop it, and the deployment names how."""

import os
import signal

import pytest

from deployments.deployment import Status
from deployments.reasons import Reason
from tests.support.invariants import check_invariants
from tests.support.service import House

APPLY = 3


@pytest.mark.parametrize(
    ("number", "status", "text"),
    [
        (
            signal.SIGKILL,
            Status.NEEDS_ATTENTION,
            "Terraform was killed by signal 9 (SIGKILL), not sent by this service.",
        ),
        (signal.SIGSEGV, Status.NEEDS_ATTENTION, "Terraform or a provider crashed: "),
        (signal.SIGTERM, Status.FAILED, "Another program interrupted terraform."),
    ],
)
async def test_a_terraform_that_another_program_ends_names_the_signal_crash_or_interrupt(
    house: House, number: signal.Signals, status: Status, text: str
) -> None:
    """The sentence was "Terraform had to be killed", although this service had not killed it."""
    house.worker()
    deployment = await house.deploy(resource_seconds=30)
    await deployment.until_text(APPLY, '"type":"provision_start"')
    os.kill(deployment.started(APPLY)["terraform_pid"], number)
    result = await deployment.result()
    assert (result.status, result.reason) == (status, Reason.TERRAFORM_DIED)
    assert text in result.detail
    await check_invariants(house, deployment)
