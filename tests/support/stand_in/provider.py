"""The real terraform with the real provider, pointed at a stand-in."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adapters.terraform import command
from google_stand_in.answers import Json
from tests.support.stand_in.endpoints import endpoints
from tests.support.stand_in.serving import ServedStandIn

PROVIDER = """terraform {
  required_providers {
    google = {
      source  = "hashicorp/google-beta"
      version = "7.45.0"
    }
  }
}
"""


@contextmanager
def served(folder: Path) -> Iterator[ServedStandIn]:
    """A stand-in of one's own."""
    server = ServedStandIn(folder)
    asyncio.run(server.start())
    try:
        yield server
    finally:
        server.end()


class Terraform:
    """One stack's folder and the terraform that is called in it."""

    def __init__(self, folder: Path, port: int, mirror: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        rc = folder / "terraform.rc"
        rc.write_text(command.cli_config(mirror.resolve()))
        path = os.defpath if shutil.which("terraform", path=os.defpath) else _path_of_terraform()
        self._environment = {**command.environment(folder, rc, path), **endpoints(port)}

    def write(self, configuration: str) -> None:
        """Make this the stack and get the provider for it."""
        (self.folder / "main.tf").write_text(PROVIDER + configuration)
        code, lines = self.run("init", "-json")
        assert code == 0, lines

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - terraform, in its own folder
            ["terraform", *arguments],  # noqa: S607 - the one on the PATH
            cwd=self.folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def run(self, *arguments: str) -> tuple[int, list[Json]]:
        """Exit code and the lines of `-json` output."""
        process = self.start(*arguments)
        output, _ = process.communicate()
        return process.returncode, parsed(output)


def _path_of_terraform() -> str:
    found = shutil.which("terraform")
    assert found is not None, "terraform is missing"
    return f"{Path(found).parent}:{os.defpath}"


def parsed(output: bytes) -> list[Json]:
    lines = output.decode("utf-8", "replace").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def errors(lines: list[Json]) -> list[Json]:
    """The diagnostics that are errors, as terraform's machine output has them."""
    return [
        line
        for line in lines
        if line.get("type") == "diagnostic" and line["diagnostic"]["severity"] == "error"
    ]


def interrupt(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
