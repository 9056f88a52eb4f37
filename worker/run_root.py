"""The run root of a host: id, workers and deployments."""

import fcntl
import os
import socket
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from adapters.local import atomic_files, host_report
from adapters.local.folders import deployment_folder, is_own_folder
from adapters.local.sink_status import sink_status_file
from deployments.errors import NotAcceptedByApi
from deployments.log_ports import SinkStatus
from worker import run_index
from worker.run_directory import RunDirectory

__all__ = ["RunRoot"]


class RunRoot:
    """A folder that all workers of one host share; the constructor makes missing parts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.workers = path / "workers"
        self.workers.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.host = self._host()
        self.worker = os.urandom(6).hex()
        # This process holds the lock until exit: a free lock means a dead worker.
        self._lock = os.open(
            self.workers / f"{self.worker}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        os.write(self._lock, socket.gethostname().encode())
        self.show_life()
        self._sweep_workers()
        run_index.rebuild(path)

    def directory(self, deployment: str) -> RunDirectory:
        """The run directory of a deployment, which may be missing; raises NotFound for no id."""
        return RunDirectory(deployment_folder(self.path, deployment))

    def check_origin(self, deployment: str, execution: str) -> None:
        """Raise NotAcceptedByApi for a run directory of another host or execution."""
        origin = self.directory(deployment).origin()
        if origin is not None and origin != (self.host, execution):
            raise NotAcceptedByApi("The run directory is of another host or execution.")

    def is_prepared(self, deployment: str, execution: str) -> bool:
        """Whether this host made the run directory, for this execution."""
        return self.directory(deployment).origin() == (self.host, execution)

    def open_deployments(self) -> list[str]:
        """The deployments that take a slot on this host, of all workers."""
        return [
            deployment
            for deployment in self.pending_deployments()
            if self.directory(deployment).is_open and self.directory(deployment).is_of(self.host)
        ]

    def pending_deployments(self) -> list[str]:
        """The deployments that are open, or whose logs or artifacts are not sent yet."""
        return [name for name in run_index.pending(self.path) if self._is_own(name)]

    def deployments(self) -> list[str]:
        """All deployments with a run directory, also those that have ended: any number."""
        return run_index.names(self.path)

    def show_life(self) -> None:
        """Record that this worker's event loop turns, for the health checks."""
        host_report.show_life(self._lock)

    def publish_sink_statuses(self, statuses: Sequence[SinkStatus]) -> None:
        """Write the status of this worker's sinks for the API."""
        content = {"sinks": [asdict(status) for status in statuses]}
        atomic_files.replace(sink_status_file(self.workers, self.worker), content)

    def close(self) -> None:
        """Release and remove the worker's lock."""
        os.close(self._lock)
        sink_status_file(self.workers, self.worker).unlink(missing_ok=True)
        (self.workers / f"{self.worker}.lock").unlink(missing_ok=True)

    def _is_own(self, deployment: str) -> bool:
        """Whether the run directory is missing, or a folder of this process's user and no link."""
        path = self.path / deployment
        return is_own_folder(path) or not os.path.lexists(path)

    def _host(self) -> str:
        path = self.path / "host.json"
        atomic_files.create(path, {"id": os.urandom(6).hex()})
        content = atomic_files.read(path) or {}
        return str(content["id"])

    def _sweep_workers(self) -> None:
        """Remove the files of dead workers; for a claim, a missing lock is a free lock."""
        for path in self.workers.glob("*.lock"):
            if path.stem != self.worker and not atomic_files.is_locked(path):
                path.unlink(missing_ok=True)
                sink_status_file(self.workers, path.stem).unlink(missing_ok=True)
