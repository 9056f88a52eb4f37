"""The API of a house in this process, as a client sees it."""

import hashlib
from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.servers import eventually


@dataclass
class Front:
    """The API of a house, as a client sees it."""

    session: httpx.AsyncClient

    async def deploy(self, prefix: str, **variables: str | float) -> str:
        return await self.run(prefix=prefix, variables=variables)

    async def run(self, **fields: object) -> str:
        """The path of a deployment that has ended, however."""
        path = await self.start(**{"template": "sandbox", "project_id": "demo-project-1", **fields})
        await self.ended(path)
        return path

    async def start(self, **fields: object) -> str:
        """The path of a deployment that has been accepted."""
        answer = await self.session.post("/api/deploy", json=fields)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["links"]["self"])

    async def ended(self, path: str, seconds: float = 90) -> dict[str, Any]:
        """The deployment, once it has ended."""

        async def look() -> dict[str, Any] | None:
            seen = await self.json(path)
            return seen if seen["ended_at"] else None

        return await eventually(look, "the end", seconds)

    async def json(self, path: str) -> dict[str, Any]:
        answer = await self.session.get(path)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def downloads(self, path: str) -> dict[str, bytes]:
        """Every artifact, each as the list describes it."""
        found = {}
        for item in (await self.json(f"{path}/artifacts"))["items"]:
            url = f"{path}/artifacts/{item['name']}"
            answer = await self.session.get(url, follow_redirects=True)
            assert answer.status_code == 200, answer.text
            assert hashlib.sha256(answer.content).hexdigest() == item["sha256"]
            assert len(answer.content) == item["size_bytes"]
            assert answer.headers["content-type"] == item["content_type"]
            found[item["name"]] = answer.content
        return found
