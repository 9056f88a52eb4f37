"""Fixtures of the scenarios."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from adapters.encryption import AesGcmCipher, key_ring
from adapters.local.artifacts import LocalArtifactStore
from adapters.local.inotify import FileChanges
from adapters.local.log import LocalLogSource
from adapters.local.progress import LocalProgressSource
from adapters.temporal.gateway import TemporalGateway
from api.app import build
from api.dependencies import Services
from api.services.deployments import DeploymentService
from api.services.health import HealthService
from tests.scenarios.command_line import CommandLine, command_line
from tests.scenarios.state_bucket import FrontedBucket, fronted_bucket
from tests.support.anava_stack import Stack, settings
from tests.support.fixtures import house as house
from tests.support.fixtures import temporal as temporal
from tests.support.front import Front
from tests.support.service import SHORT, House
from tests.support.sinks import open_stores
from tests.support.stand_in.provider import served
from tests.support.stand_in.serving import ServedStandIn
from tests.support.stores import Store


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[dict[str, Store]]:
    """A store for each sink; the object store's files lie in `buckets`."""
    async with open_stores(tmp_path / "buckets") as stores:
        yield stores


@pytest.fixture
async def front(house: House) -> AsyncIterator[Front]:
    changes = FileChanges()
    store = LocalArtifactStore(house.data)
    gateway = TemporalGateway(house.client, key_ring((), house.data))
    services = Services(
        deployments=DeploymentService(gateway, SHORT, AesGcmCipher.open((), house.data)),
        logs=LocalLogSource(house.data / "runs", changes),
        progress=LocalProgressSource(house.data / "runs"),
        health=HealthService(gateway),
        artifacts=store,
        downloads=store,
    )
    transport = httpx.ASGITransport(build(services))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as session:
        yield Front(session)
    changes.close()


@pytest.fixture
async def fronted(house: House, tmp_path: Path) -> AsyncIterator[FrontedBucket]:
    """A bucket of states behind a proxy; the house's workers use the proxy."""
    async with fronted_bucket(tmp_path / "buckets", house) as fronted:
        yield fronted


@pytest.fixture
async def anava(house: House) -> CommandLine:
    return await command_line(house)


@pytest.fixture
def google(tmp_path: Path) -> Iterator[ServedStandIn]:
    folder = tmp_path / "google"
    folder.mkdir()
    with served(folder) as google:
        yield google


@pytest.fixture
def stack(house: House, front: Front, google: ServedStandIn) -> Stack:
    house.settings = settings(google)
    return Stack(house, front, google)
