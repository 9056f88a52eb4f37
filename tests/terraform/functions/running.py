"""One of the functions as a process, under Google's own functions framework."""

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from adapters.settings import base_environment
from tests.support.servers import ROOT, Process, eventually, free_port

FUNCTIONS = ROOT / "terraform" / "anava" / "functions"
CALL_TIMEOUT_SECONDS = 0.5  # long enough for a loaded machine to answer over loopback


@dataclass(frozen=True)
class Function:
    """Where it answers and what it prints."""

    address: str
    printed: Path

    def post(self, body: object) -> httpx.Response:
        return self.send(json.dumps(body).encode())

    def send(
        self, content: bytes, content_type: str = "application/json", method: str = "POST"
    ) -> httpx.Response:
        headers = {"Content-Type": content_type} if content_type else {}
        return httpx.request(
            method, self.address, content=content, headers=headers, timeout=20, trust_env=False
        )

    def log(self) -> list[dict[str, Any]]:
        """The structured lines so far."""
        lines = self.printed.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


@contextmanager
def running(
    name: str, target: str, environment: dict[str, str], folder: Path
) -> Iterator[Function]:
    """The function, answering, until the end of the block."""
    port, printed = free_port(), folder / f"{name}.log"
    command = [
        *(sys.executable, "-m", "functions_framework"),
        *("--source", str(FUNCTIONS / name / "main.py"), "--target", target),
        *("--host", "127.0.0.1", "--port", str(port)),
    ]
    own = {
        **base_environment(),
        "PYTHONDONTWRITEBYTECODE": "1",
        "CALL_TIMEOUT_SECONDS": str(CALL_TIMEOUT_SECONDS),
        # Proxies are for people: a function that listened to this one would reach nothing.
        "http_proxy": "http://127.0.0.1:1",
        "no_proxy": "",
        **environment,
    }
    process = Process(command, own, printed)
    function = Function(f"http://127.0.0.1:{port}/", printed)

    def answers() -> bool:
        assert process.popen.poll() is None, printed.read_text()
        try:
            function.send(b"", method="GET")
        except httpx.TransportError:
            return False
        return True

    try:
        asyncio.run(eventually(answers, "an answer of the function"))
        yield function
    finally:
        process.end()
