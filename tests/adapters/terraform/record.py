"""python -m tests.adapters.terraform.record BINARY: record the messages of a release.

Writes `corpus/releases/<program>-<version>/<case>.jsonl`: stdout and stderr in a single file, as in
a spool. Takes a minute, no provider and no network. A release without a feature prints errors.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from socket import gethostname
from typing import IO

from adapters.settings import base_environment
from adapters.terraform import command
from deployments.phase import Phase
from tests.support.servers import eventually

RELEASES = Path(__file__).parent / "corpus" / "releases"

# Terraform escapes two of the keys; `%(input)s` is what the second version changes.
_STACK = """
variable "keys" { default = ["a", "$${b}", "c\\u00a0d"] }
variable "seconds" { default = 0 }
variable "fail" { default = false }
variable "secret" {
  default   = "hunter2-planted"
  sensitive = true
}

module "part" {
  source   = "./part"
  for_each = toset(["x", "y"])
}
resource "terraform_data" "each" {
  for_each = toset(var.keys)
  input    = "%(input)s"
}
resource "terraform_data" "replaced" {
  triggers_replace = "%(input)s"
  provisioner "local-exec" {
    command = "echo working; sleep ${var.seconds}; exit ${var.fail ? 3 : 0}"
  }
}
resource "terraform_data" "before" {
  triggers_replace = "%(input)s"
  lifecycle { create_before_destroy = true }
}
data "terraform_remote_state" "other" {
  backend = "local"
  config  = { path = "other.tfstate" }
  defaults = { a = 1 }
}
check "warning" {
  assert {
    condition     = terraform_data.before.id == ""
    error_message = "The check prints a warning."
  }
}
output "text" { value = "%(input)s" }
output "number" { value = 0.12345678901234567890123 }
output "object" { value = { list = [1, "<&>"], none = null } }
output "hidden" {
  value     = var.secret
  sensitive = true
}
"""
# Until 1.14 a backend makes init print lines that are not JSON.
_BACKEND = """
terraform {
  backend "local" {}
}
"""
_EMPTY_STATE = {"version": 4, "terraform_version": "1.9.0", "serial": 1, "lineage": "other"}
_FIRST = """
resource "terraform_data" "moved_from" {}
resource "terraform_data" "forgotten" {}
resource "terraform_data" "deleted" {}
"""
_SECOND = """
resource "terraform_data" "moved_to" {}
moved {
  from = terraform_data.moved_from
  to   = terraform_data.moved_to
}
removed {
  from = terraform_data.forgotten
  lifecycle { destroy = false }
}
resource "terraform_data" "imported" {}
import {
  to = terraform_data.imported
  id = "imported-id"
}
"""
# Features of later releases: earlier ones print errors.
_LATER = """
variable "passing" {
  ephemeral = true
  default   = "x"
}
variable "old" {
  default    = ""
  deprecated = "Use another variable."
}
"""
_ACTIONS = """
action "nothing_known" "a" {}
"""
_INVALID = """
resource "terraform_data" "a" {
  input = var.missing
}
"""


During = Callable[[int], Awaitable[None]] | None


class Recorder:
    """A folder for a stack, and the terraform whose output is recorded."""

    def __init__(self, binary: Path, folder: Path) -> None:
        self._binary = str(binary)
        self._work = folder / "work"
        (self._work / "part").mkdir(parents=True)
        (self._work / "part" / "main.tf").write_text('resource "terraform_data" "p" {}\n')
        (self._work / "backend.tf").write_text(_BACKEND)
        (self._work / "other.tfstate").write_text(json.dumps(_EMPTY_STATE))
        config = folder / "cli.tfrc"
        mirror = folder / "mirror"
        mirror.mkdir()
        config.write_text(command.cli_config(mirror))
        self._environment = command.environment(folder, config, base_environment()["PATH"])
        version = json.loads(self._run("version", "-json"))
        program = self._run("version").split()[0].decode().lower()
        self._target = RELEASES / f"{program}-{version['terraform_version']}"
        self._target.mkdir(parents=True, exist_ok=True)

    def write(self, stack: str, **variables: object) -> None:
        (self._work / "main.tf").write_text(stack)
        (self._work / "terraform.tfvars.json").write_text(json.dumps(variables))

    async def record(
        self, case: str, phase: Phase, *options: str, destroy: bool = False, during: During = None
    ) -> None:
        """Run a phase; `during` is called with the process id once an operation takes long."""
        argv = command.phase_argv(self._binary, phase, destroy=destroy)
        argv += options
        file = self._target / f"{case}.jsonl"
        with file.open("wb") as output, self._start(argv, output) as process:
            if during:
                await eventually(lambda: b"apply_progress" in file.read_bytes(), case, 60)
                await during(process.pid)
        printed = file.read_bytes().replace(str(self._work.parent).encode(), b"/recorded")
        file.write_bytes(printed.replace(f"@{gethostname()}".encode(), b"@host"))

    async def deploy(self, case: str, *, destroy: bool = False) -> None:
        """Record a plan and its apply."""
        await self.record(f"plan_{case}", Phase.PLAN, destroy=destroy)
        await self.record(f"apply_{case}", Phase.APPLY)

    def _start(self, argv: list[str], output: IO[bytes] | int) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(  # noqa: S603 - terraform
            argv,
            cwd=self._work,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )

    def _run(self, *argv: str) -> bytes:
        with self._start([self._binary, *argv], subprocess.PIPE) as process:
            return process.communicate()[0]


async def record(binary: Path, folder: Path) -> None:
    """All cases, in an order in which each finds the state that it needs."""
    recorder = Recorder(binary, folder)
    first, second = (_STACK % {"input": version} for version in ("first", "second"))
    recorder.write(first + _FIRST)
    await recorder.record("init", Phase.INIT)
    await recorder.deploy("creation")
    await recorder.record("apply_stale", Phase.APPLY)
    await recorder.deploy("unchanged")
    recorder.write(second + _SECOND, keys=["a", "%{e}"])
    await recorder.deploy("changes")
    recorder.write(first, fail=True)
    await recorder.deploy("failure")
    await _interrupted(recorder, first)
    recorder.write(first + _INVALID)
    await recorder.record("plan_invalid", Phase.PLAN)
    recorder.write(first + _LATER)
    await recorder.record("plan_later_features", Phase.PLAN)
    recorder.write(first + _ACTIONS)
    await recorder.record("init_actions", Phase.INIT)
    recorder.write(first)
    await recorder.deploy("destruction", destroy=True)


async def _interrupted(recorder: Recorder, stack: str) -> None:
    """An apply that holds the lock of the state against another plan and is then interrupted."""
    # Longer than 10 s, after which terraform prints progress.
    recorder.write(stack, seconds=30)
    await recorder.record("plan_interrupted", Phase.PLAN)

    async def interrupt(pid: int) -> None:
        await recorder.record("plan_locked", Phase.PLAN, "-lock-timeout=1s")
        os.kill(pid, signal.SIGINT)

    await recorder.record("apply_interrupted", Phase.APPLY, during=interrupt)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        asyncio.run(record(Path(sys.argv[1]).resolve(), Path(temporary)))
