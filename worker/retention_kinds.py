"""The kinds of data that retention deletes, for the stores that the settings name."""

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from adapters.local.folders import deployment_folder
from adapters.local.interruptions import LocalInterruptions
from adapters.local.retained_artifacts import RetainedLocalArtifacts
from adapters.settings import Settings
from adapters.stores import open_retained_artifacts, open_retained_logs, open_state_bucket
from deployments.artifacts import ArtifactStore
from deployments.deployment_id import is_deployment_id
from deployments.errors import NotFound, RecordUnreadable, RunDirectoryBroken
from deployments.execution import DeploymentSnapshot
from deployments.retention import RetainReason
from worker import run_index
from worker.owner_bytes import sweep_owners
from worker.retained_runs import DeploymentFacts, RetainedRuns
from worker.retained_states import RetainedBucketStates, RetainedLocalStates
from worker.retention import Retained, Retention
from worker.run_directory import RunDirectory
from worker.stack_states import StackRecords
from worker.state_recovery import stack_of

__all__ = ["open_retention"]


class ListedDeployments(Protocol):
    """The Temporal gateway's list; raises `TemporalUnavailable`."""

    async def list_recent(self, seconds: float) -> Sequence[DeploymentSnapshot]: ...
    async def running_ids(self) -> Sequence[str]: ...


def open_retention(
    settings: Settings,
    executions: ListedDeployments,
    records: StackRecords,
    store: ArtifactStore,
    server_time: Callable[[], Awaitable[float]],
) -> Retention:
    """Return the retention of this host; raises Unavailable without credentials for a bucket."""
    runs = RetainedRuns(settings.runs, store)

    async def now() -> float:
        """The earlier of both clocks: a clock that is set ahead deletes nothing."""
        return min(time.time(), await server_time())

    def sweep() -> None:
        runs.sweep()
        sweep_owners(settings.data, settings.runs)
        # Copies of plan files, with every secret in clear, that releases before 0.2 made.
        shutil.rmtree(settings.data / "plans", ignore_errors=True)

    return Retention(
        settings.runs,
        [*_kinds(settings, runs, records)],
        DeploymentFacts(settings.runs, store).read,
        lambda: _protected(settings, executions),
        now,
        sweep,
    )


def _kinds(settings: Settings, runs: RetainedRuns, records: StackRecords) -> Iterator[Retained]:
    """Records last: they name the stack of the other data."""
    days = settings.retention

    async def is_recorded(stack: str) -> bool:
        try:
            return await records.read(stack) is not None
        except RecordUnreadable:
            return True

    for place, log in open_retained_logs(settings).items():
        yield Retained(f"logs in {place}", days.log_days, log)
    local_states = RetainedLocalStates(
        settings.data, is_recorded, lambda: _open_stacks(settings.runs)
    )
    yield Retained("states on this host", days.state_days, local_states, is_recorded)
    if bucket := open_state_bucket(settings):
        states = RetainedBucketStates(bucket, is_recorded)
        yield Retained("states in Cloud Storage", days.state_days, states, is_recorded)
    data = settings.data
    yield Retained(
        "artifacts on this host", days.artifact_days, RetainedLocalArtifacts(data, records=False)
    )
    shared = open_retained_artifacts(settings)
    if shared:
        yield Retained("artifacts in Cloud Storage", days.artifact_days, shared[0])
    yield Retained("run directories", days.run_days, runs)
    yield Retained(
        "records on this host", days.record_days, RetainedLocalArtifacts(data, records=True)
    )
    if shared:
        yield Retained("records in Cloud Storage", days.record_days, shared[1])


async def _protected(
    settings: Settings, executions: ListedDeployments
) -> Mapping[str, RetainReason]:
    """Deployments and stacks of which nothing is deleted."""
    protected = await asyncio.to_thread(_protected_here, settings)
    for snapshot in await executions.list_recent(0):
        protected |= {snapshot.id: RetainReason.OPEN, snapshot.stack: RetainReason.OPEN}
    # Also those without a readable record, which the list lacks.
    for deployment in await executions.running_ids():
        protected.setdefault(deployment, RetainReason.OPEN)
    return protected


def _protected_here(settings: Settings) -> dict[str, RetainReason]:
    """The data that this host's disk protects. Blocks."""
    protected: dict[str, RetainReason] = {}
    for interruption in LocalInterruptions(settings.data).all():
        protected[interruption.deployment] = RetainReason.QUESTION
    for deployment in run_index.pending(settings.runs):
        protected[deployment] = RetainReason.PENDING
    for directory in _pending_directories(settings.runs):
        if stack := directory.stack():
            protected[stack] = RetainReason.PENDING
    for deployment, stack in _recoveries(settings.data / "errored-states", settings.runs):
        protected |= {deployment: RetainReason.RECOVERY, stack: RetainReason.RECOVERY}
    return protected


def _recoveries(folder: Path, run_root: Path) -> Iterator[tuple[str, str]]:
    """The deployments with a state that is not saved, or was refused, and their stacks."""
    for name in filter(is_deployment_id, _names(folder)):
        stack = ""
        # A refused state names no stack any more; the run directory stays with the recovery.
        with suppress(NotFound, RunDirectoryBroken):
            stack = stack_of(deployment_folder(folder, name))
        with suppress(NotFound):
            stack = stack or RunDirectory(deployment_folder(run_root, name)).stack()
        yield name, stack


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()] if folder.is_dir() else []


def _open_stacks(run_root: Path) -> set[str]:
    """The stacks of the open run directories of this host."""
    return {directory.stack() for directory in _pending_directories(run_root) if directory.is_open}


def _pending_directories(run_root: Path) -> Iterator[RunDirectory]:
    """The run directories of the index."""
    for deployment in run_index.pending(run_root):
        with suppress(NotFound):
            yield RunDirectory(deployment_folder(run_root, deployment))
