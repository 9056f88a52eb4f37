"""The same artifacts in Cloud Storage: kept by the worker, downloaded by links to Google."""

import gzip
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from adapters.encryption import AesGcmCipher, key_ring
from adapters.gcs.artifacts import GcsArtifactStore
from adapters.gcs.objects import open_objects
from adapters.gcs.signing import LinkSigner
from adapters.local.inotify import FileChanges
from adapters.local.log import LocalLogSource
from adapters.local.progress import LocalProgressSource
from adapters.temporal.gateway import TemporalGateway
from api.app import build
from api.dependencies import Services
from api.services.deployments import DeploymentService
from api.services.health import HealthService
from tests.support import stores
from tests.support.artifacts import ALWAYS, FIRST, STEPS, assert_hidden, assert_whole, prefix
from tests.support.front import Front
from tests.support.gcs_key import key as key
from tests.support.gcs_key import key_file as key_file
from tests.support.service import SHORT, House


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stores.Store]:
    with stores.object_store(tmp_path_factory.mktemp("objects")) as found:
        yield found


@pytest.fixture
async def front(house: House, server: stores.Store, key_file: Path) -> AsyncIterator[Front]:
    await server.until_up()
    await stores.make_bucket(server)
    house.settings = {
        "ANAVA_ARTIFACTS__STORE": "gcs",
        "ANAVA_GCS__BUCKET": stores.BUCKET,
        "ANAVA_GCS__ENDPOINT": f"http://{server.host}",
    }
    changes = FileChanges()
    objects = open_objects(stores.BUCKET, f"http://{server.host}", None)
    gateway = TemporalGateway(house.client, key_ring((), house.data))
    services = Services(
        deployments=DeploymentService(gateway, SHORT, AesGcmCipher.open((), house.data)),
        logs=LocalLogSource(house.data / "runs", changes),
        progress=LocalProgressSource(house.data / "runs"),
        health=HealthService(gateway),
        artifacts=GcsArtifactStore(objects, LinkSigner()),
    )
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(build(services)),
        mounts={f"all://{server.host}": httpx.AsyncHTTPTransport()},
        base_url="http://127.0.0.1",
    ) as session:
        yield Front(session)
    changes.close()


async def test_all_that_is_promised_can_be_downloaded_from_cloud_storage(
    house: House, front: Front
) -> None:
    house.worker()
    path = await front.deploy(prefix(), resource_seconds=0.1, secret=FIRST)
    seen = await front.json(path)
    assert seen["status"] == "completed", seen
    files = await front.downloads(path)
    assert set(files) == ALWAYS | STEPS | {"outputs.json"}
    assert_whole(files, seen)
    for name, data in files.items():
        assert_hidden(gzip.decompress(data) if name.endswith(".gz") else data, name)
    link = await front.session.get(f"{path}/artifacts/plan.txt")
    assert link.status_code == 307
    assert "X-Goog-Signature=" in link.headers["location"]
    assert (await front.json(f"{path}/plan"))["counts"] == {"create": 12}
    deployment = path.rpartition("/")[2]
    own = await front.session.get(f"/api/artifacts/download/{deployment}/plan.txt")
    assert own.status_code == 404, "this service serves no file that Google has"
    for name in ("plan.tfplan", "terraform.tfstate", "terraform.tfvars"):
        assert (await front.session.get(f"{path}/artifacts/{name}")).status_code == 404
    assert not (house.data / "artifacts").exists()
