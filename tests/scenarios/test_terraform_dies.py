"""Terraform ends although nobody stopped it, and the deployment names how."""

import json
import os
import signal

import pytest

from deployments.deployment import Status
from deployments.reasons import Reason
from tests.support.invariants import check_invariants
from tests.support.service import House

APPLY = 3


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (signal.SIGKILL, "Terraform was killed by signal 9 (SIGKILL), not sent by this service."),
        (signal.SIGSEGV, "Terraform or a provider crashed: "),
    ],
)
async def test_a_killed_terraform_names_the_signal_or_the_crash(
    house: House, number: signal.Signals, text: str
) -> None:
    """The sentence was "Terraform had to be killed", although this service had not killed it."""
    house.worker()
    deployment = await house.deploy(resource_seconds=30)
    await deployment.until_text(APPLY, '"type":"provision_start"')
    started = json.loads(deployment.file(APPLY, "started.json").read_text())
    os.kill(started["terraform_pid"], number)
    result = await deployment.result()
    assert (result.status, result.reason) == (Status.NEEDS_ATTENTION, Reason.TERRAFORM_DIED)
    assert text in result.detail
    await check_invariants(house, deployment)


async def test_a_terraform_that_another_program_interrupts_says_so(house: House) -> None:
    house.worker()
    deployment = await house.deploy(resource_seconds=30)
    await deployment.until_text(APPLY, '"type":"provision_start"')
    started = json.loads(deployment.file(APPLY, "started.json").read_text())
    os.kill(started["terraform_pid"], signal.SIGTERM)
    result = await deployment.result()
    assert (result.status, result.reason) == (Status.FAILED, Reason.TERRAFORM_DIED)
    assert "Another program interrupted terraform." in result.detail
    await check_invariants(house, deployment)
