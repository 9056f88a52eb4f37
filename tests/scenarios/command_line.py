"""The `anava` command as a process, against one house."""

import asyncio
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.api import start_api, until_ready
from tests.support.servers import ROOT, free_port
from tests.support.service import House


@dataclass
class Ended:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


@dataclass
class CommandLine:
    """Runs `anava` against one house."""

    house: House
    url: str
    folder: Path

    def argv(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "cli.main", *words, "--api", self.url]

    def environment(self) -> dict[str, str]:
        return {**self.house.environment(), "PYTHONPATH": str(ROOT), "TERM": "xterm"}

    async def run(self, *words: str, typed: str = "", named: bool = True) -> Ended:
        """Run a command to its end; `named`: with the address of the API."""
        process = await asyncio.create_subprocess_exec(
            *(self.argv(*words) if named else self.argv(*words)[:-2]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment(),
            cwd=self.folder,
        )
        out, err = await asyncio.wait_for(process.communicate(typed.encode()), 60)
        return Ended(process.returncode or 0, out.decode(), err.decode())


async def command_line(house: House) -> CommandLine:
    """The command against a worker and an API of its own."""
    port = free_port()
    house.worker()
    start_api(house, port)
    url = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=url) as session:
        await until_ready(session)
    folder = house.data / "here"
    folder.mkdir()
    return CommandLine(house, url, folder)
