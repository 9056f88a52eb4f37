"""Record the histories that tests replay: `python -m tests.workflows.record_histories`.

Real deployments on a real server; from tag v0.2.0 on a recorded history is never recorded again.
"""

import asyncio
import re
import socket
import tempfile
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowHandle

from adapters.process_exit import run_and_exit
from deployments.phase import Phase
from deployments.timings import RetryLimits
from tests.support.servers import TemporalServer, eventually
from tests.support.service import House
from tests.workflows.scripted import Scripted, ScriptedHost, done

FOLDER = Path(__file__).parent / "histories"
APPLY = 3


async def keep(name: str, handle: WorkflowHandle[Any, Any]) -> None:
    history = (await handle.fetch_history()).to_json()
    anonymous = re.sub(rf"\d+@{re.escape(socket.gethostname())}", "starter@host", history)
    (FOLDER / f"{name}.json").write_text(anonymous + "\n")


async def cancelled_in_the_moment_of_the_completion(client: Client) -> Scripted:
    """A deployment whose cancel and finished apply reach the workflow in a single task."""
    host = ScriptedHost([done])
    host.held.clear()
    async with host.own(client):
        async with host.shared(client):
            scripted = await Scripted.start(client, RetryLimits())
            await eventually(lambda: Phase.APPLY in host.phases, "the apply")
        # Without a workflow worker both events wait for the first task of the next one.
        host.held.set()

        async def has_no_pending() -> bool:
            description = await scripted.handle.describe()
            return not description.raw_description.pending_activities

        await eventually(has_no_pending, "the end of the apply")
        await scripted.handle.cancel(reason='anava:{"by": "local"}')
        async with host.shared(client):
            await scripted.result()
    return scripted


async def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        server = TemporalServer(Path(folder))
        server.start()
        client = await server.client()
        house = House(client, server.address, Path(folder) / "house")
        house.data.mkdir()
        try:
            house.worker()
            completed = await house.deploy(resource_seconds=0.1)
            await completed.result()
            failed = await house.deploy(resource_seconds=0.1, fail="services-2")
            await failed.result()
            cancelled = await house.deploy(resource_seconds=5)
            await cancelled.until_text(APPLY, "apply_start")
            await cancelled.handle.cancel(reason='anava:{"by": "local", "reason": "recorded"}')
            await cancelled.result()
            for name, deployment in (
                ("completed", completed),
                ("failed", failed),
                ("cancelled_in_apply", cancelled),
            ):
                await keep(name, deployment.handle)
        finally:
            house.end()
        scripted = await cancelled_in_the_moment_of_the_completion(client)
        await keep("cancel_meets_completion", scripted.handle)
        server.end()
    return 0


if __name__ == "__main__":
    run_and_exit(lambda: asyncio.run(main()))
