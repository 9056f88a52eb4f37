"""Deployments whose workflow ended without `finalize_deployment`, on a host of a worker."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.local.artifacts import LocalArtifactStore
from adapters.local.inotify import FileChanges
from adapters.settings import Settings, base_environment
from adapters.terraform.state.backends import LocalStateBackend
from deployments.deployment import DeploymentRequest, Stack
from tests.support.stack_records import StackRecordsInMemory
from worker.host import WorkerHost

REQUEST = DeploymentRequest(Stack("sandbox", "demo-project-1", "anava"), "us-central1", "US")


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[WorkerHost]:
    changes = FileChanges()
    host = await WorkerHost.open(
        Settings(data_dir=tmp_path),
        base_environment(),
        changes,
        LocalArtifactStore(tmp_path),
        StackRecordsInMemory(),
    )
    yield host
    host.close()
    changes.close()


def state_of(serial: int) -> bytes:
    return json.dumps({"serial": serial, "lineage": "a", "resources": []}).encode()


async def test_a_printed_state_is_saved_before_the_next_deployment_of_the_stack(
    host: WorkerHost, tmp_path: Path
) -> None:
    """Only `errored.tfstate` was read: the next deployment began with the older state."""
    await host.prepare("dep-1", REQUEST)
    state = LocalStateBackend(tmp_path / "stacks" / REQUEST.stack.id / "terraform.tfstate")
    state.path.write_bytes(state_of(1))
    step = tmp_path / "runs" / "dep-1" / "steps" / "3"
    step.mkdir()
    (step / "spool").write_bytes(b'{"type":"log","state":' + state_of(2) + b"}\n")
    await host.prepare("dep-2", REQUEST)
    assert state.read() == state_of(2)
