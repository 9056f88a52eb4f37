"""The stand-in as a process of a test, with its door."""

import json
import sys
from pathlib import Path
from typing import Any

import httpx

from adapters.settings import base_environment
from google_stand_in.answers import Json
from tests.support.servers import Process, eventually, free_port

__all__ = ["ServedStandIn", "Token"]


class Token:
    """A credential source with one token."""

    def __init__(self, value: str) -> None:
        self.value = value

    async def token(self) -> str:
        return self.value


class ServedStandIn:
    """Starts it, changes it, ends it."""

    def __init__(self, folder: Path, scenario: str = "everything-allowed") -> None:
        self._scenario = scenario
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._process: Process | None = None

    async def start(self) -> None:
        argv = [sys.executable, "-m", "google_stand_in", "--port", str(self.port)]
        argv += ["--scenario", self._scenario]
        self._process = Process(argv, base_environment(), self._folder / "stand-in.log")

        def answers() -> bool:
            try:
                return httpx.get(f"{self.endpoint}/_control/state", timeout=1).is_success
            except httpx.TransportError:
                return False

        await eventually(answers, "the stand-in")

    def end(self) -> None:
        if self._process is not None:
            self._process.end()

    def asked(self) -> list[Json]:
        """Every call so far, without anything secret."""
        found: list[Json] = self.control("GET", "log")["requests"]
        return found

    def control(self, method: str, what: str, content: object = None) -> Json:
        url = f"{self.endpoint}/_control/{what}"
        answer = httpx.request(method, url, content=json.dumps(content or {}), timeout=5)
        assert answer.is_success, answer.text
        found: Json = answer.json()
        return found

    def reset(self) -> None:
        self.control("POST", "reset")

    def token(self, permissions: list[str] | None = None) -> str:
        given: dict[str, Any] = {} if permissions is None else {"permissions": permissions}
        return str(self.control("POST", "mint", given)["access_token"])

    def project(self, **changes: object) -> None:
        self.control("POST", "project", {"project_id": "demo-proj", **changes})

    def preload(self, *calls: tuple[str, Json], method: str = "POST") -> None:
        listed = [{"method": method, "path": path, "body": body} for path, body in calls]
        self.control("POST", "preload", {"calls": listed})
