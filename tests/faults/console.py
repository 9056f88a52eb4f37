"""A worker whose console is a pipe, and the one who reads it: at once, slowly or not at all."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.servers import ROOT, Process
from tests.support.service import Deployment, House

__all__ = ["Console", "console_worker"]

# What a pipe holds on Linux: a reader who stops is felt after so much.
_BLOCK_BYTES = 64 * 1024


class _PipedWorker(Process):
    """The log of the worker itself goes to its file, as ever."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        with log.open("ab") as errors:
            self.popen = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, str(ROOT / "worker_main.py")],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=ROOT,
            )


class Console:
    """What the worker said; `reads` and `pause_seconds` count for the next block."""

    def __init__(self) -> None:
        self.reads = asyncio.Event()
        self.reads.set()
        self.pause_seconds = 0.0
        self._said = bytearray()

    async def follow(self, worker: Process) -> None:
        """Read until the worker ends."""
        reader = asyncio.StreamReader(_BLOCK_BYTES)
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), worker.popen.stdout
        )
        while True:
            await self.reads.wait()
            await asyncio.sleep(self.pause_seconds)
            if not (block := await reader.read(_BLOCK_BYTES)):
                return
            self._said += block

    def entries(self, deployment: str) -> list[dict[str, Any]]:
        """Whole lines about a deployment."""
        start = f'"{deployment}.'.encode()
        lines = bytes(self._said[: self._said.rfind(b"\n") + 1]).splitlines()
        return [json.loads(line) for line in lines if start in line]

    def equals(self, deployment: Deployment, steps: int) -> bool:
        """Whether each event of each step was said once, and what it says."""
        said = _messages(self.entries(deployment.id))
        return said == sorted(_wanted(deployment, steps).items())

    def holds_rest_of(self, other: "Console", deployment: Deployment, steps: int) -> bool:
        """Whether both together said each event; at least once is what is promised."""
        both = [*other.entries(deployment.id), *self.entries(deployment.id)]
        return dict(_messages(both)) == _wanted(deployment, steps)


def _messages(entries: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return sorted((entry["logging.googleapis.com/insertId"], entry["message"]) for entry in entries)


def _wanted(deployment: Deployment, steps: int) -> dict[str, str]:
    wanted: dict[str, str] = {}
    for step in range(1, steps + 1):
        *events, end = deployment.events(step)
        for line, event in enumerate(events, 1):
            wanted[_insert_id(deployment, step, line)] = event["text"]
        last = f"end of step {step}: {end['end']}"
        wanted[_insert_id(deployment, step, len(events) + 1)] = last
    return wanted


def _insert_id(deployment: Deployment, step: int, line: int) -> str:
    return f"{deployment.id}.{step:010}-{line:010}"


def console_worker(house: House) -> Process:
    """A worker to be followed by a `Console`."""
    environment = {**house.environment(), "PYTHONPATH": str(ROOT)}
    worker = _PipedWorker(environment, house.data / "worker.log")
    house.workers.append(worker)
    return worker
