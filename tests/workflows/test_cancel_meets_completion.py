"""A cancel and the end of the apply in one workflow task: the finished apply is not lost."""

from pathlib import Path

from deployments.deployment import Status
from tests.support.servers import TemporalServer
from tests.workflows.record_histories import cancelled_in_the_moment_of_the_completion


async def test_a_finished_apply_survives_a_cancel_of_the_same_moment(tmp_path: Path) -> None:
    server = TemporalServer(tmp_path)
    server.start()
    try:
        scripted = await cancelled_in_the_moment_of_the_completion(await server.client())
        result = await scripted.result()
        assert result.status is Status.COMPLETED
        assert result.counts.add == 1
    finally:
        server.end()
