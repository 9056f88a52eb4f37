"""The run root: which host this is, which workers live on it, which deployments it holds."""

import fcntl
import os
import socket
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from adapters.local import atomic_files
from adapters.local.sink_status import sink_status_file
from deployments.log_ports import SinkStatus
from worker.run_directory import RunDirectory

__all__ = ["RunRoot"]


class RunRoot:
    """A folder that all workers of one host share. Opening it makes what is missing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.workers = path / "workers"
        self.workers.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.host = self._host()
        self.worker = os.urandom(6).hex()
        # Held as long as this process lives: free means that the worker is dead.
        self._lock = os.open(
            self.workers / f"{self.worker}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        os.write(self._lock, socket.gethostname().encode())
        self._sweep_workers()

    def directory(self, deployment: str) -> RunDirectory:
        """The folder of a deployment, there or not."""
        return RunDirectory(self.path / deployment)

    def open_deployments(self) -> list[str]:
        """Deployments that have a place on this host, whoever works on them."""
        return [
            path.name
            for path in self.path.iterdir()
            if path.name.startswith("dep-") and RunDirectory(path).is_open
        ]

    def deployments(self) -> list[str]:
        """All deployments that this host keeps something of."""
        return [path.name for path in self.path.iterdir() if path.name.startswith("dep-")]

    def show_life(self) -> None:
        """Be seen by health checks: the lock's modification time (`cli/worker_healthcheck.py`)."""
        os.utime(self._lock)

    def publish_sink_statuses(self, states: Sequence[SinkStatus]) -> None:
        """Say how this worker's sinks are, for whoever reads the run root."""
        content = {"sinks": [asdict(state) for state in states]}
        atomic_files.replace(sink_status_file(self.workers, self.worker), content)

    def close(self) -> None:
        """Let the worker's lock go."""
        os.close(self._lock)
        sink_status_file(self.workers, self.worker).unlink(missing_ok=True)
        (self.workers / f"{self.worker}.lock").unlink(missing_ok=True)

    def _host(self) -> str:
        path = self.path / "host.json"
        atomic_files.create(path, {"id": os.urandom(6).hex()})
        content = atomic_files.read(path) or {}
        return str(content["id"])

    def _sweep_workers(self) -> None:
        """Remove what dead workers left; a claim counts a missing lock as a free one."""
        for path in self.workers.glob("*.lock"):
            if path.stem != self.worker and not atomic_files.is_locked(path):
                path.unlink(missing_ok=True)
                sink_status_file(self.workers, path.stem).unlink(missing_ok=True)
