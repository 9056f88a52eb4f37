"""Where the data of a deployment are: here, on the disk of another host, or deleted."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from deployments.errors import Expired, NotFound, OnAnotherHost
from deployments.events import EventId
from deployments.execution import DeploymentSnapshot
from deployments.log_ports import LogSource
from deployments.retention import DAY_SECONDS, MAX_DAYS

__all__ = ["Placement"]

_START = EventId(0, 0)


@dataclass(frozen=True)
class Placement:
    """Distinguishes data on another host's disk, and deleted data, from data that do not exist.

    Attributes:
        is_here: whether the deployment with this id has a run directory on this machine's disk.
        has_artifacts: whether the deployment has artifacts on this machine's disk.
        log_is_local: no shared store has the log.
        artifacts_are_local: no shared store has the artifacts.
        run_days, log_days, artifact_days: the retention of run directories, of shared logs, and of
            artifacts, since the end of a deployment.
    """

    is_here: Callable[[str], bool]
    has_artifacts: Callable[[str], bool] = lambda _: False
    log_is_local: bool = True
    artifacts_are_local: bool = True
    run_days: int = MAX_DAYS
    log_days: int = MAX_DAYS
    artifact_days: int = MAX_DAYS

    async def require_log(self, snapshot: DeploymentSnapshot, source: LogSource) -> None:
        """Raise OnAnotherHost where the log lies on another host's disk, Expired when deleted.

        Only the log of a deployment that is old enough is looked for in the store.
        """
        if self.log_is_local and self._is_elsewhere(snapshot):
            raise self._missing("log", snapshot, self.run_days)
        days = self.run_days if self.log_is_local else self.log_days
        may_be_deleted = snapshot.log_end > _START and _is_older(snapshot, days)
        if may_be_deleted and not await source.read(snapshot.id, _START, 1):
            raise _expired("log", days)

    @contextmanager
    def reading_artifacts(self, snapshot: DeploymentSnapshot) -> Iterator[None]:
        """Raise OnAnotherHost, or Expired, for artifacts that are not found."""
        is_elsewhere = self.artifacts_are_local and self._is_elsewhere(snapshot)
        if is_elsewhere and not self.has_artifacts(snapshot.id):
            raise self._missing("plan and artifacts", snapshot, self.artifact_days)
        try:
            yield
        except NotFound:
            if _is_older(snapshot, self.artifact_days):
                raise _expired("plan and artifacts", self.artifact_days) from None
            raise

    def require_progress(self, snapshot: DeploymentSnapshot) -> None:
        """Raise OnAnotherHost for progress, which no store has, on another host's disk.

        Expired when the progress was deleted.
        """
        if self._is_elsewhere(snapshot):
            raise self._missing("progress", snapshot, self.run_days)

    def log_elsewhere(self, snapshot: DeploymentSnapshot) -> str:
        """The sentence for a log that is not readable here; empty for a readable log."""
        if self.log_is_local and self._is_elsewhere(snapshot):
            return str(self._missing("log", snapshot, self.run_days))
        return ""

    def _is_elsewhere(self, snapshot: DeploymentSnapshot) -> bool:
        # A host names itself after it has made the run directory.
        return snapshot.host is not None and not self.is_here(snapshot.id)

    def _missing(
        self, data: str, snapshot: DeploymentSnapshot, days: int
    ) -> OnAnotherHost | Expired:
        if _is_older(snapshot, days):
            return _expired(data, days)
        return OnAnotherHost(
            f"Of this deployment the {data} can be read only on the disk of host {snapshot.host}, "
            "which this service cannot read."
        )


def _is_older(snapshot: DeploymentSnapshot, days: int) -> bool:
    if snapshot.ended_at is None:
        return False
    ended_at = datetime.fromisoformat(snapshot.ended_at).timestamp()
    return time.time() - ended_at > days * DAY_SECONDS


def _expired(data: str, days: int) -> Expired:
    return Expired(f"The {data} of a deployment can be read for {days} days after the end.")
