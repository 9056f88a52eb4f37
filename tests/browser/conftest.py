"""A real browser in front of a real house. Every page that misbehaves fails its test."""

import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from playwright.async_api import ConsoleMessage, Page, async_playwright, expect

from tests.programs import chromium, playwright_node
from tests.scenarios.service import House
from tests.scenarios.test_is_followed_live import start_api, until_ready
from tests.servers import Process, TemporalServer, free_port

# What Chromium says of a server that is away for a while, which is what a test does on purpose.
_AWAY = ("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET")


@pytest.fixture(scope="session")
def temporal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TemporalServer]:
    server = TemporalServer(tmp_path_factory.mktemp("temporal"))
    server.start()
    yield server
    server.end()


@dataclass
class Site:
    """A house, its API, and what the browser complained about."""

    house: House
    port: int
    session: httpx.AsyncClient
    api: Process
    complaints: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def deploy(self, **variables: str | int) -> str:
        # A stack of its own: all tests share one Temporal, and so the turns of its stacks.
        prefix = "p" + uuid.uuid4().hex[:8]
        answer = await self.session.post(
            "/api/deploy",
            json={
                "template": "sandbox",
                "project_id": "demo-project-1",
                "prefix": prefix,
                "variables": variables,
            },
        )
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    async def restart(self) -> None:
        """Kill the API in whatever it does, and start it again."""
        self.api.kill()
        self.api = start_api(self.house, self.port)
        await until_ready(self.session)

    def heard(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not any(item in message.text for item in _AWAY):
            self.complaints.append(message.text)


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
    house.end()


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
