"""A site with a proxy and a certificate authority of its own: every outgoing HTTPS uses both."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from deployments.deployment import Status
from tests.support import stores
from tests.support.api import start_api, until_ready
from tests.support.servers import free_port
from tests.support.service import House
from tests.support.site import Site, site
from tests.support.stand_in.key_file import write_key
from tests.support.stand_in.serving import ServedStandIn

GOOGLE, STORAGE = "google.site.test", "storage.site.test"


@pytest.fixture
async def network(tmp_path: Path) -> AsyncIterator[Site]:
    folder = tmp_path / "certificates"
    folder.mkdir()
    async with site(folder) as network:
        yield network


async def test_states_are_read_and_written_through_the_proxy_by_worker_and_terraform(
    house: House, network: Site, tmp_path: Path
) -> None:
    with stores.object_store(tmp_path / "buckets", public_host=STORAGE) as store:
        await store.until_up()
        await stores.make_bucket(store)
        house.settings = {
            **network.settings,
            "ANAVA_STATE__BACKEND": "gcs",
            "ANAVA_STATE__BUCKET": stores.BUCKET,
            "ANAVA_GCS__ENDPOINT": await network.serve(STORAGE, store.port),
            # Of the shell that starts the worker; the settings count.
            "https_proxy": "http://127.0.0.1:9",
        }
        house.worker()
        first = await house.deploy(resource_seconds=0)
        assert (await first.result()).status is Status.COMPLETED
        assert (await first.result()).outputs, "the worker read the state"
    assert set(network.tunnels) == {STORAGE}


async def test_tokens_and_preflight_go_through_the_proxy(
    house: House, network: Site, tmp_path: Path
) -> None:
    google = ServedStandIn(tmp_path)
    await google.start()
    try:
        google.project(enabled=["cloudresourcemanager.googleapis.com"])
        endpoint = await network.serve(GOOGLE, google.port)
        write_key(tmp_path / "key.json", endpoint)
        house.settings = {
            **network.settings,
            "ANAVA_GOOGLE__ENDPOINT": endpoint,
            "GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "key.json"),
        }
        port = free_port()
        start_api(house, port)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as session:
            await until_ready(session)
            body = {"template": "anava", "project_id": "demo-proj"}
            answer = await session.post("/api/validate-project", json=body)
        assert answer.status_code == 200, answer.text
        paths = [call["path"] for call in google.asked()]
    finally:
        google.end()
    assert any("demo-proj" in path for path in paths)
    assert set(network.tunnels) == {GOOGLE}
