"""Which data of a deployment lie on the disk of the deployment's host alone."""

from collections.abc import Callable
from dataclasses import dataclass

from deployments.errors import OnAnotherHost
from deployments.execution import DeploymentSnapshot

__all__ = ["Placement"]


@dataclass(frozen=True)
class Placement:
    """Distinguishes data on another host's disk from data that do not exist.

    Attributes:
        is_here: whether the deployment with this id has a run directory on this machine's disk.
        log_is_local: no shared store has the log.
        artifacts_are_local: no shared store has the artifacts.
    """

    is_here: Callable[[str], bool]
    log_is_local: bool = True
    artifacts_are_local: bool = True

    def require_log(self, snapshot: DeploymentSnapshot) -> None:
        """Raise OnAnotherHost where the log lies on another host's disk."""
        if text := self.log_elsewhere(snapshot):
            raise OnAnotherHost(text)

    def require_artifacts(self, snapshot: DeploymentSnapshot) -> None:
        """Raise OnAnotherHost where plan, outputs and other artifacts lie on another host."""
        if self.artifacts_are_local and self._is_elsewhere(snapshot):
            raise OnAnotherHost(_sentence("Plan and artifacts of this deployment lie", snapshot))

    def require_progress(self, snapshot: DeploymentSnapshot) -> None:
        """Raise OnAnotherHost where the progress, which no store has, lies on another host."""
        if self._is_elsewhere(snapshot):
            raise OnAnotherHost(_sentence("The progress of this deployment lies", snapshot))

    def log_elsewhere(self, snapshot: DeploymentSnapshot) -> str:
        """The sentence for a log on another host's disk; empty for a log that is readable here."""
        if self.log_is_local and self._is_elsewhere(snapshot):
            return _sentence("The log of this deployment lies", snapshot)
        return ""

    def _is_elsewhere(self, snapshot: DeploymentSnapshot) -> bool:
        # A host names itself after it has made the run directory.
        return snapshot.host is not None and not self.is_here(snapshot.id)


def _sentence(text: str, snapshot: DeploymentSnapshot) -> str:
    return f"{text} on the disk of host {snapshot.host}, which this service cannot read."
