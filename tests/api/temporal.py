"""A Temporal dev server in this process's care."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from temporalio.testing import WorkflowEnvironment

from adapters.temporal.client import register

_TEMPORAL = Path(sys.executable).parent / "temporal"


async def _start() -> WorkflowEnvironment:
    environment = await WorkflowEnvironment.start_local(dev_server_existing_path=str(_TEMPORAL))
    await register(environment.client)
    return environment


@contextmanager
def temporal_server() -> Iterator[str]:
    """A dev server of its own, by its address."""
    with asyncio.Runner() as runner:
        environment = runner.run(_start())
        yield environment.client.service_client.config.target_host
        runner.run(environment.shutdown())
