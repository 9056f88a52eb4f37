"""One Temporal dev server a session; the application in this process, in front of it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from adapters.encryption import AesGcmCipher
from adapters.local.artifacts import LocalArtifactStore
from adapters.local.inotify import FileChanges
from adapters.local.log import LocalLogSource
from adapters.local.progress import LocalProgressSource
from adapters.temporal.gateway import TemporalGateway
from api.app import build
from api.dependencies import Services
from api.server import Server
from api.services.deployments import DeploymentService
from api.services.health import HealthService
from deployments.temporal_names import SHARED_QUEUE
from deployments.timings import Timings
from tests.api.scripted import ScriptedWorkflow
from tests.api.serving import UNLIMITED, in_process, serving
from tests.api.temporal import temporal_server
from tests.support.fixtures import served as served


@pytest.fixture(scope="session")
def temporal_address() -> Iterator[str]:
    with temporal_server() as address:
        yield address


@pytest.fixture
async def client(temporal_address: str) -> Client:
    return await Client.connect(temporal_address)


@pytest.fixture
async def services(client: Client, tmp_path: Path) -> AsyncIterator[Services]:
    changes = FileChanges()
    store = LocalArtifactStore(tmp_path)
    gateway = TemporalGateway(client)
    yield Services(
        deployments=DeploymentService(
            gateway, Timings(), AesGcmCipher.open((), tmp_path), UNLIMITED
        ),
        logs=LocalLogSource(tmp_path, changes),
        progress=LocalProgressSource(tmp_path),
        health=HealthService(gateway),
        artifacts=store,
        downloads=store,
    )
    changes.close()


@pytest.fixture
async def api(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    async with in_process(build(services)) as session:
        yield session


@pytest.fixture
async def worker(client: Client) -> AsyncIterator[None]:
    async with Worker(
        client,
        task_queue=SHARED_QUEUE,
        workflows=[ScriptedWorkflow],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        yield


@pytest.fixture
async def server(services: Services) -> AsyncIterator[Server]:
    """The application on a real socket, patient with a stalled client for two seconds."""
    server = Server(build(services), "127.0.0.1", 0, services.stopping, stall_seconds=2)
    async with serving(server):
        yield server


@pytest.fixture
async def live(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    """A client of `server`."""
    url = f"http://127.0.0.1:{server.port}"
    async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as session:
        yield session
