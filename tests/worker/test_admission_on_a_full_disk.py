"""A disk that fills up during an admission is named."""

from pathlib import Path

import pytest

from adapters.local import disk_space
from adapters.local.artifacts import LocalArtifactStore
from adapters.settings import Settings, WorkerSettings
from deployments.deployment import DeploymentRequest, Stack
from deployments.errors import DiskFull
from tests.support.ids import deployment_id
from tests.support.small_disk import small_disk
from tests.support.worker_host import worker_host

REQUEST = DeploymentRequest(Stack("sandbox", "demo-project-1", "anava"), "us-central1", "US")
# More than what is free, and what is free is more than `min_free_mb`.
STATE_BYTES, FREE_BYTES = 4_000_000, 2_000_000


async def test_a_state_without_space_for_its_copy_is_a_full_disk(tmp_path: Path) -> None:
    """The error named no cause: the copy of an earlier deployment's state was refused."""
    earlier = deployment_id("earlier")
    store = LocalArtifactStore(tmp_path)
    with small_disk(tmp_path / "disk", 32) as disk:
        settings = Settings(data_dir=disk.path, worker=WorkerSettings(min_free_mb=1))
        async with worker_host(settings, store) as host:
            await host.prepare(earlier, REQUEST)
            run = settings.runs / earlier
            (run / "steps" / "1").mkdir()
            (run / "work" / "errored.tfstate").write_bytes(b" " * STATE_BYTES)
            disk_space.remove_reserve(run)
            disk.fill(leave_bytes=FREE_BYTES)

            with pytest.raises(DiskFull):
                await host.prepare(deployment_id("later"), REQUEST)
