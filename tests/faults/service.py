"""A whole service, each part a process, whose logs and artifacts lie in stores behind proxies."""

import asyncio
import json
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from temporalio.client import Client

from adapters.redis.log import open_redis
from deployments.deployment import Status
from tests.faults.console import Console, console_worker
from tests.support import stores
from tests.support.api import start_api, until_ready
from tests.support.artifacts import ALWAYS, STEPS
from tests.support.invariants import Views, check_invariants
from tests.support.servers import TemporalServer, eventually, free_port
from tests.support.service import Deployment, House
from tests.support.shipping import Behind, Servers, repair

__all__ = ["APPLY", "ARTIFACTS", "STORES", "Service", "open_service"]

STORES = ("redis", "gcs", "firestore")
# Init, plan and this one.
APPLY = 3
ARTIFACTS = ALWAYS | STEPS | {"outputs.json"}
_RESOURCES = 4
_LAYERS = 3


@dataclass
class Service:
    """What a test works with."""

    house: House
    real: Servers
    stores: Behind
    console: Console
    session: httpx.AsyncClient

    async def deploy(self, lines: int, layer_seconds: float) -> Deployment:
        """A stack of its own by the API: 12 resources in three layers print so many lines."""
        variables = {
            "resources": _RESOURCES,
            "resource_seconds": layer_seconds,
            "lines": -(-lines // (_RESOURCES * _LAYERS)),
        }
        prefix = "p" + uuid.uuid4().hex[:8]
        body = {
            "template": "sandbox",
            "project_id": "demo-project-1",
            "prefix": prefix,
            "variables": variables,
        }
        answer = await self.session.post("/api/deploy", json=body)
        assert answer.status_code == 202, answer.text
        id, stack = str(answer.json()["id"]), str(answer.json()["stack"])
        handle = self.house.client.get_workflow_handle(id)
        return Deployment(id, handle, self.house.data / "runs" / id, stack)

    async def until_applying(self, deployment: Deployment) -> None:
        await deployment.until_text(APPLY, "line 1 of")

    async def until_applied(self, deployment: Deployment, seconds: float) -> None:
        await eventually(deployment.file(APPLY, "exit.json").exists, "terraform's end", seconds)

    async def completed(self, deployment: Deployment, seconds: float) -> float:
        """Wait for the end, which must be a good one; how long terraform's apply took."""
        result = await deployment.result(seconds)
        assert result.status is Status.COMPLETED, result
        assert set((await deployment.attempts()).values()) == {1}
        record = deployment.exit(APPLY)
        begin, end = (datetime.fromisoformat(record[name]) for name in ("started_at", "ended_at"))
        return (end - begin).total_seconds()

    async def health(self) -> dict[str, dict[str, Any]]:
        """Each sink as `/health` tells it."""
        answer = await self.session.get("/health")
        return {sink["name"]: sink for sink in answer.json()["sinks"]}

    async def until_behind(self, sinks: tuple[str, ...], seconds: float) -> None:
        async def behind() -> bool:
            seen = await self.health()
            return all(sink in seen and seen[sink]["behind_lines"] > 0 for sink in sinks)

        await eventually(behind, f"the lag of {sinks} in /health", seconds)

    async def until_refused(self, sink: str, error: str, seconds: float) -> None:
        async def refused() -> bool:
            return error in ((await self.health())[sink]["error"] or "")

        await eventually(refused, f"{error} of {sink} in /health", seconds)

    async def until_equal(self, deployment: Deployment, seconds: float) -> None:
        """Until `anava logs --verify` says so of every store, and the console has all of it."""

        # Cheap to look at, where the command reads all of every store.
        await self.until_sealed(deployment, seconds)

        async def equal() -> bool:
            return await self.verified(deployment)

        # A flushed Redis is filled again only when the worker next looks for what is owed.
        await eventually(equal, "equal copies everywhere", seconds)
        await eventually(
            lambda: self.console.equals(deployment, APPLY), "the log on the console", seconds
        )
        await check_invariants(self.house, deployment, Views(api=self.session))

    async def until_archived(self, deployment: Deployment, seconds: float) -> None:
        """Until the API lists every artifact; after a fault they may come after the end."""

        async def archived() -> bool:
            answer = await self.session.get(f"/api/deployment/{deployment.id}/artifacts")
            if answer.status_code != 200:
                return False
            return {item["name"] for item in answer.json()["items"]} == ARTIFACTS

        await eventually(archived, "the artifacts", seconds)

    async def verified(self, deployment: Deployment) -> bool:
        """What the command says; its table names each store."""
        command = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cli.main", "logs", "--verify", "--json", deployment.id),
            *("--api", str(self.session.base_url)),
            env=self.house.environment(),
            stdout=asyncio.subprocess.PIPE,
        )
        told, _ = await command.communicate()
        found = {item["name"]: item["verdict"] for item in json.loads(told)["copies"]}
        equal = command.returncode == 0
        assert equal == (set(found.values()) == {"equal"}), found
        assert {"local", *STORES} <= set(found), found
        return equal

    def sealed_at(self, deployment: Deployment, sink: str) -> float:
        """When the sink had all of the apply, in seconds since 1970; 0 where it has not."""
        path = deployment.file(APPLY, f"cursors/{sink}.json")
        return path.stat().st_mtime if self._cursor(deployment, sink).get("sealed") else 0.0

    async def until_sealed(self, deployment: Deployment, seconds: float) -> None:
        """Every store has all of every step."""

        def sealed() -> bool:
            cursors = deployment.folder.glob("steps/*/cursors/*.json")
            found = [cursor.stem for cursor in cursors if json.loads(cursor.read_text())["sealed"]]
            return all(found.count(store) == APPLY for store in STORES)

        await eventually(sealed, "the seals", seconds)

    async def until_holding(
        self, deployment: Deployment, sinks: tuple[str, ...], seconds: float
    ) -> None:
        """Until these have what the apply has written by now."""
        lines = deployment.file(APPLY, "events.jsonl").read_bytes().count(b"\n")

        def caught_up() -> bool:
            return all(self._cursor(deployment, sink).get("line", 0) >= lines for sink in sinks)

        await eventually(caught_up, f"what {sinks} lack", seconds)

    def _cursor(self, deployment: Deployment, sink: str) -> dict[str, Any]:
        path = deployment.file(APPLY, f"cursors/{sink}.json")
        content: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return content

    async def cut(self, sink: str) -> None:
        if sink == "console":
            self.console.reads.clear()
        else:
            await self.stores.lines[sink].down()

    def delay(self, sink: str, seconds: float) -> None:
        if sink == "console":
            self.console.pause_seconds = seconds
        else:
            self.stores.lines[sink].latency_seconds = seconds

    async def repair(self) -> None:
        self.console.reads.set()
        self.console.pause_seconds = 0.0
        await repair(self.stores)
        await self.limit_redis("0")

    async def limit_redis(self, memory: str) -> None:
        client = open_redis(f"redis://{self.real.redis.host}")
        await client.config_set("maxmemory-policy", "noeviction")
        await client.config_set("maxmemory", memory)
        await client.aclose()

    async def flush_redis(self) -> None:
        client = open_redis(f"redis://{self.real.redis.host}")
        await client.flushall()
        await client.aclose()


@asynccontextmanager
async def open_service(
    client: Client, temporal: TemporalServer, real: Servers, between: Behind, data: Path
) -> AsyncIterator[Service]:
    """One worker and one API, every sink there is."""
    house = House(client, temporal.address, data)
    house.settings = {
        "ANAVA_LOG__SINKS": ",".join(("local", "console", *STORES)),
        "ANAVA_ARTIFACTS__STORE": "gcs",
        "ANAVA_REDIS__URL": f"redis://{between.lines['redis'].host}",
        "ANAVA_GCS__BUCKET": stores.BUCKET,
        "ANAVA_GCS__ENDPOINT": f"http://{between.lines['gcs'].host}",
        "ANAVA_GOOGLE__PROJECT": "a-test",
        "FIRESTORE_EMULATOR_HOST": between.lines["firestore"].host,
    }
    console = Console()
    following = asyncio.create_task(console.follow(console_worker(house)))
    port = free_port()
    start_api(house, port)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as session:
            # Beside a dozen other processes that start at this moment.
            await until_ready(session, 120)
            await house.until_up()
            yield Service(house, real, between, console, session)
    finally:
        try:
            await house.close()
        finally:
            await following
