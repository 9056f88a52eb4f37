"""Inputs that a worker of a data folder accepts, as the API makes them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from temporalio.client import Client

from adapters.encryption import InputSigner, key_ring
from adapters.temporal.acceptance import sign_input
from deployments.execution import rfc3339
from deployments.step_order import DeploymentInput

__all__ = ["signed_input"]


def signed_input(
    client: Client,
    data: Path,
    deployment: str,
    input: DeploymentInput,
    age: timedelta = timedelta(),
) -> DeploymentInput:
    """Sign an input with the key of a data folder, as accepted some time ago."""
    accepted = replace(input, accepted_at=rfc3339(datetime.now(UTC) - age))
    return sign_input(client, InputSigner(key_ring((), data)), deployment, accepted)
