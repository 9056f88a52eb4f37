"""A real browser in front of a real house. Every page that misbehaves fails its test."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Page, async_playwright, expect

from tests.browser.site import Site
from tests.support.api import start_api, until_ready
from tests.support.fixtures import temporal as temporal
from tests.support.programs import chromium, playwright_node
from tests.support.servers import TemporalServer, free_port
from tests.support.service import House


@pytest.fixture
def settings() -> dict[str, str]:
    """Settings of the house; a test module may have its own."""
    return {}


@pytest.fixture
async def site(
    temporal: TemporalServer, tmp_path: Path, settings: dict[str, str]
) -> AsyncIterator[Site]:
    house = House(await temporal.client(), temporal.address, tmp_path, settings)
    port = free_port()
    house.worker()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as session:
        made = Site(house, port, session, start_api(house, port))
        await until_ready(session)
        yield made
    await house.close()


@pytest.fixture
async def page(site: Site, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Page]:
    program = chromium()
    if program is None:
        pytest.skip("Chromium is missing: make setup-tests")
    if node := playwright_node():
        monkeypatch.setenv("PLAYWRIGHT_NODEJS_PATH", node)
    async with async_playwright() as playwright:
        # Root in a container has no user namespaces for the sandbox; the pages are our own.
        browser = await playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        page = await browser.new_page(base_url=site.url)
        page.set_default_timeout(60_000)
        expect.set_options(timeout=30_000)
        page.on("console", site.heard)
        page.on("pageerror", lambda error: site.complaints.append(str(error)))
        yield page
        await browser.close()
    assert site.complaints == []
