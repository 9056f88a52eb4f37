"""A Temporal dev server in this process's care."""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from temporalio.testing import WorkflowEnvironment

from adapters.temporal.client import register

_TEMPORAL = Path(sys.executable).parent / "temporal"


async def _start(options: Sequence[str]) -> WorkflowEnvironment:
    environment = await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(_TEMPORAL), dev_server_extra_args=options
    )
    await register(environment.client)
    return environment


@contextmanager
def temporal_server(*options: str) -> Iterator[str]:
    """A dev server of its own, by its address."""
    with asyncio.Runner() as runner:
        environment = runner.run(_start(options))
        yield environment.client.service_client.config.target_host
        runner.run(environment.shutdown())
