"""What a browser test works with."""

import json
import uuid
from dataclasses import dataclass, field

import httpx
from playwright.async_api import ConsoleMessage, Page

from tests.support.api import start_api, until_ready
from tests.support.servers import Process
from tests.support.service import House

# What Chromium says of a server that is away for a while, which is what a test does on purpose.
_AWAY = ("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET")


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
        # A stack of its own: all tests share one Temporal, and so the holders of its stacks.
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


def stored_ids(site: Site, id: str) -> list[str]:
    found = []
    for path in sorted((site.house.data / "runs" / id / "steps").glob("*/events.jsonl")):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        found += [item["id"] for item in lines if "end" not in item]
    return found


async def shown_ids(page: Page) -> list[str]:
    ids: list[str] = await page.eval_on_selector_all(
        "#log .line", "lines => lines.map(line => line.id.slice(1))"
    )
    return ids
