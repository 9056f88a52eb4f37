"""The service on this machine, for benchmarks: Temporal, one worker, the API, each a process."""

import contextlib
import itertools
import json
import os
import sys
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from temporalio.client import WorkflowFailureError

from adapters.settings import base_environment
from tests.bench.raw import TEMPLATES, RawRun
from tests.support.api import start_api, until_ready
from tests.support.servers import Process, TemporalServer, eventually, free_port
from tests.support.service import Deployment, House

__all__ = ["APPLY", "Scene", "moment", "open_scene", "until_line"]

APPLY = 3

# All of the largest benchmark at once; waiting for a place is not what is measured.
_PLACES = "200"


@dataclass
class Scene:
    """What a benchmark works with."""

    house: House
    port: int
    session: httpx.AsyncClient
    api: Process
    worker: Process
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    @property
    def path(self) -> str:
        """The PATH of every terraform here."""
        return self.house.settings["PATH"]

    async def post(self, **variables: float) -> str:
        """Ask for a deployment of a stack of its own; its id."""
        body = {
            "template": "sandbox",
            "project_id": "demo-project-1",
            "prefix": "p" + uuid.uuid4().hex[:8],
            "variables": variables,
        }
        answer = await self.session.post("/api/deploy", json=body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    async def deploy(self, **variables: float) -> Deployment:
        """A deployment by the API."""
        id = await self.post(**variables)
        handle = self.house.client.get_workflow_handle(id)
        return Deployment(id, handle, self.house.data / "runs" / id, "")

    async def completed(self, deployment: Deployment) -> None:
        """Wait for the end, which must be a good one, with a whole log."""
        with contextlib.suppress(WorkflowFailureError):
            await deployment.handle.result()
        await self.assert_completed(deployment)

    async def assert_completed(self, deployment: Deployment) -> None:
        """A figure of a run that went wrong would be a lie."""
        result = await deployment.result()
        assert result.status == "completed", result
        assert set((await deployment.attempts()).values()) == {1}

    def raw(self, **variables: float) -> RawRun:
        """The same by hand, ready to run."""
        folder = self.house.data / f"raw-{next(self.numbers)}"
        run = RawRun(folder, self.house.data / "runs" / "terraform.tfrc", self.path)
        run.make(**variables)
        return run

    async def next_worker(self) -> Process:
        """A further worker of this host, once it is up."""
        worker = self.house.worker()
        # All that were ever started have said so, for they were waited for.
        await self.house.until_up(len(self.house.workers) - 1)
        return worker

    async def change_worker(self, **settings: str) -> None:
        """Another worker in the place of this one, with other settings."""
        self.worker.end()
        self.house.settings |= settings
        self.worker = await self.next_worker()


@contextlib.asynccontextmanager
async def open_scene(data: Path) -> AsyncIterator[Scene]:
    """Start everything, and leave nothing behind."""
    server = TemporalServer(data)
    server.start()
    try:
        house = House(await server.client(), server.address, data, forks=False)
        path = base_environment().get("PATH", os.defpath)
        # The pacing program of the template is a python3, and this one is there for certain.
        house.settings["PATH"] = f"{Path(sys.executable).parent}:{path}"
        house.settings["ANAVA_TERRAFORM__TEMPLATES"] = str(TEMPLATES)
        house.settings["ANAVA_WORKER__DEPLOYMENTS"] = _PLACES
        try:
            worker, port = house.worker(), free_port()
            api = start_api(house, port)
            address = f"http://127.0.0.1:{port}"
            async with httpx.AsyncClient(base_url=address, timeout=60) as session:
                await until_ready(session)
                await house.until_up()
                yield Scene(house, port, session, api, worker)
        finally:
            house.end()
    finally:
        server.end()


def moment(text: str) -> float:
    """A time as terraform writes it, in seconds since 1970."""
    return datetime.fromisoformat(text).timestamp()


async def until_line(path: Path, text: bytes, seconds: float = 30) -> dict[str, Any]:
    """The first message in a spool that holds a text."""

    def found() -> dict[str, Any] | None:
        content = path.read_bytes() if path.exists() else b""
        at = content.find(text)
        if at < 0 or b"\n" not in content[at:]:
            return None
        line = content[content.rfind(b"\n", 0, at) + 1 : content.index(b"\n", at)]
        message: dict[str, Any] = json.loads(line)
        return message

    return await eventually(found, f"{text!r} in {path}", seconds)
