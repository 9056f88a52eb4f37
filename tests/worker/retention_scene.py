"""A data folder, and the retention of a host that deletes in it."""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from adapters.local.artifacts import LocalArtifactStore
from adapters.local.retained_artifacts import RetainedLocalArtifacts
from deployments.deployment import Stack
from deployments.errors import TemporalUnavailable
from deployments.retention import DAY_SECONDS, KindReport, RetainReason
from tests.support.ids import deployment_id
from worker import run_index
from worker.retained_runs import DeploymentFacts, RetainedRuns
from worker.retained_states import RetainedLocalStates
from worker.retention import Retained, Retention
from worker.run_directory import RunDirectory

__all__ = ["RESOURCE", "RetentionScene"]

STACK = Stack("sandbox", "demo-project-1", "anava")
DAYS = 90
STATE = {"version": 4, "lineage": "l", "serial": 9, "outputs": {}, "resources": []}
RESOURCE = {"mode": "managed", "type": "t", "name": "n", "instances": [{}]}


class RetentionScene:
    """The retention with limits of 90 days; Temporal's answers are attributes."""

    def __init__(self, folder: Path) -> None:
        self.data = folder
        self.runs = folder / "runs"
        self.runs.mkdir(parents=True)
        self.now = time.time()
        self.protected: dict[str, RetainReason] = {}
        self.temporal_is_down = False
        self.recorded: set[str] = set()
        self.store = LocalArtifactStore(folder)
        self.run_directories = RetainedRuns(self.runs, self.store)
        self.states = RetainedLocalStates(folder, self._is_recorded, self._open_stacks)

    def retention(self) -> Retention:
        kinds = [
            Retained("artifacts", DAYS, RetainedLocalArtifacts(self.data, records=False)),
            Retained("runs", DAYS, self.run_directories),
            Retained("records", DAYS, RetainedLocalArtifacts(self.data, records=True)),
            Retained("states", DAYS, self.states, self._is_recorded),
        ]
        return Retention(
            self.runs,
            kinds,
            DeploymentFacts(self.runs, self.store).read,
            self._protected,
            self._server_time,
            self.run_directories.sweep,
        )

    async def run(self, *, dry_run: bool = False) -> dict[str, KindReport]:
        reports = await self.retention().run_pass(dry_run=dry_run)
        assert [report.error for report in reports] == [""] * len(reports)
        return {report.kind: report for report in reports}

    def ended(self, name: str, days: float) -> str:
        """A deployment that ended some days ago, with a run directory and artifacts."""
        id = deployment_id(name)
        request = {"stack": asdict(STACK)}
        record = json.dumps({"request": request, "result": {"status": "completed"}})
        for path, content in {
            f"runs/{id}/record.json": record,
            f"runs/{id}/template.json": json.dumps({"version": "1", "stack": STACK.id}),
            f"runs/{id}/steps/1/events.jsonl": "x" * 10_000,
            f"artifacts/{id}/record.json": record,
            f"artifacts/{id}/log.txt": "x" * 10_000,
        }.items():
            self.write(path, content, days)
        return id

    def write(self, name: str, content: str, days: float) -> Path:
        path = self.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        os.utime(path, (self.now - days * DAY_SECONDS,) * 2)
        return path

    def state(self, stack: str, days: float, **content: object) -> Path:
        path = self.write(f"stacks/{stack}/terraform.tfstate", json.dumps(STATE | content), days)
        self.write(f"stacks/{stack}/terraform.tfstate.backup", "secret", days)
        return path

    def has(self, id: str) -> tuple[bool, bool, bool]:
        """Whether run directory, artifacts and record are there."""
        artifacts = self.data / "artifacts" / id
        return (
            (self.runs / id).exists(),
            (artifacts / "log.txt").exists(),
            (artifacts / "record.json").exists(),
        )

    async def _protected(self) -> Mapping[str, RetainReason]:
        if self.temporal_is_down:
            raise TemporalUnavailable("Temporal does not answer.")
        return self.protected

    async def _server_time(self) -> float:
        return self.now

    async def _is_recorded(self, stack: str) -> bool:
        return stack in self.recorded

    def _open_stacks(self) -> set[str]:
        directories = (RunDirectory(self.runs / name) for name in run_index.pending(self.runs))
        return {directory.stack() for directory in directories if directory.is_open}
