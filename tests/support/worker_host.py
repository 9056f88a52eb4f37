"""A worker's host on a data folder, with the records of stacks in memory."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.local.artifacts import LocalArtifactStore
from adapters.local.inotify import FileChanges
from adapters.settings import Settings, base_environment
from tests.support.stack_records import StackRecordsInMemory
from worker.host import WorkerHost

__all__ = ["worker_host"]


@asynccontextmanager
async def worker_host(
    settings: Settings, store: LocalArtifactStore | None = None
) -> AsyncIterator[WorkerHost]:
    """Open the host; its artifacts are kept in the data folder where no store is passed."""
    changes = FileChanges()
    host = await WorkerHost.open(
        settings,
        base_environment(),
        changes,
        store or LocalArtifactStore(settings.data_dir),
        StackRecordsInMemory(),
    )
    try:
        yield host
    finally:
        host.close()
        changes.close()
