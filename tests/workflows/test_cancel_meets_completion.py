"""A cancel and the end of the apply in one workflow task: the finished apply is not lost."""

from pathlib import Path

from deployments.deployment import Status
from deployments.phase import Phase
from deployments.timings import RetryLimits
from tests.servers import TemporalServer, eventually
from tests.workflows.scripted import Scripted, ScriptedHost, done


async def test_a_finished_apply_survives_a_cancel_of_the_same_moment(tmp_path: Path) -> None:
    server = TemporalServer(tmp_path)
    server.start()
    try:
        client = await server.client()
        host = ScriptedHost([done])
        host.held.clear()
        async with host.own(client):
            async with host.shared(client):
                scripted = await Scripted.start(client, RetryLimits())
                await eventually(lambda: Phase.APPLY in host.phases, "the apply")
            # No workflow worker now: both events wait for the next one's first task.
            host.held.set()

            async def has_no_pending() -> bool:
                description = await scripted.handle.describe()
                return not description.raw_description.pending_activities

            await eventually(has_no_pending, "the end of the apply")
            await scripted.handle.cancel(reason='anava:{"by": "local"}')
            async with host.shared(client):
                result = await scripted.result()
        assert result.status is Status.COMPLETED
        assert result.counts.add == 1
    finally:
        server.end()
