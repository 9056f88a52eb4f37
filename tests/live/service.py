"""`anava up` with a data folder of its own, and the commands that a person types."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from adapters.settings import base_environment
from cli.local_environment import free_port
from tests.live.report import Step
from tests.support.servers import ROOT

__all__ = ["CommandFailed", "Service", "anava"]

# Temporal's first start on a slow machine takes a minute.
_START_SECONDS = 180
# Commands that are not followed answer in seconds; a check of a project sends a hundred requests.
_COMMAND_SECONDS = 300
# The worker's children end within 15 s each.
_STOP_SECONDS = 120
_POLL_SECONDS = 0.2


class CommandFailed(Exception):
    """A command ended otherwise than expected; the text is what it printed."""


def anava(*words: str, environment: dict[str, str], codes: tuple[int, ...] = (0,)) -> str:
    """Run a command to its end and return what it printed.

    Raises:
        CommandFailed: another exit code than the expected.
    """
    ended = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "cli.main", *words],
        env=environment,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_COMMAND_SECONDS,
        check=False,
    )
    if ended.returncode not in codes:
        raise CommandFailed(ended.stderr.strip() or ended.stdout.strip())
    return ended.stdout


class Service:
    """The service on this machine until the end of the block; Ctrl-C does not reach it."""

    def __init__(self, data: Path, logs: Path, mirror: Path) -> None:
        port = free_port()
        self._logs = logs
        self._api = f"http://127.0.0.1:{port}"
        self._environment = {
            **base_environment(),
            "ANAVA_DATA_DIR": str(data),
            "ANAVA_API__PORT": str(port),
            "ANAVA_TERRAFORM__MIRROR": str(mirror),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._running = ""

    def __enter__(self) -> "Service":
        """Start; returns when the service is ready.

        Raises:
            CommandFailed: it does not become ready.
        """
        output = self._logs / "up.log"
        words = ["up", "--no-ui", f"--temporal-port={free_port()}"]
        with output.open("wb") as file:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-m", "cli.main", *words],
                env=self._environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        try:
            self._wait_until_ready(self._process, output)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        """Stop the service; a deployment that an interrupt left is cancelled first."""
        try:
            if self._running:
                self._anava("cancel", self._running, "--reason", "the live run was interrupted")
                self._follow(self._running, "cancelled")
        except CommandFailed:
            pass  # The deployment has ended meanwhile.
        finally:
            self._stop()

    @staticmethod
    def _wait_until_ready(process: subprocess.Popen[bytes], output: Path) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while "Ready" not in output.read_text():
            if process.poll() is not None or time.monotonic() > deadline:
                raise CommandFailed(output.read_text())
            time.sleep(_POLL_SECONDS)

    def _stop(self) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def deployed(self, name: str, required: tuple[str, ...], *words: str) -> Step:
        """Start a deployment by a command and wait for its end, with one of the `required` reasons.

        Raises:
            CommandFailed: the deployment was not accepted.
        """
        began = time.monotonic()
        self._running = str(json.loads(self._anava(*words, "--json"))["id"])
        id = self._running
        self._follow(id, name)
        deployment = json.loads(self._anava("status", id, "--json", codes=(0, 1, 3)))
        self._running = ""
        reason = str(deployment["reason"])
        return Step(
            name,
            reason in required,
            f"{deployment['status']}: {reason}",
            time.monotonic() - began,
            id,
            tuple(_problems(deployment)),
        )

    def _follow(self, id: str, name: str) -> None:
        """Write the log of a deployment into a file until the deployment ends."""
        argv = [sys.executable, "-m", "cli.main", "logs", "--follow", id, "--api", self._api]
        with (self._logs / f"{name}.log").open("wb") as file:
            subprocess.run(  # noqa: S603 - our own command
                argv, env=self._environment, cwd=ROOT, stdout=file, stderr=file, check=False
            )

    def _anava(self, *words: str, codes: tuple[int, ...] = (0,)) -> str:
        return anava(*words, "--api", self._api, environment=self._environment, codes=codes)


def _problems(deployment: dict[str, Any]) -> list[str]:
    result = deployment.get("result") or {}
    return [
        " ".join(filter(None, (error["resource"], error["message"], error["next_step"])))
        for error in result.get("errors") or ()
        if error["severity"] == "blocking"
    ]
