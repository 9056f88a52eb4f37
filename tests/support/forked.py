"""Programs of the service that are forked by `tests.support.fork_server`, not started anew."""

import atexit
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from adapters.settings import base_environment
from tests.support.repository import ROOT

__all__ = ["ForkServer", "ForkedProcess", "fork_server"]


class ForkServer:
    """The process that forks, and what it reports."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.fork_server"],
            # Unbuffered, so that `select` sees each line that was not read.
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**base_environment(), "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests, self._answers = self._process.stdin, self._process.stdout
        self._statuses: dict[int, int] = {}

    def start(self, argv: list[str], environment: Mapping[str, str], log: Path) -> "ForkedProcess":
        """Start a program of this Python; its output is appended to `log`."""
        request = {"argv": argv[1:], "environment": environment, "log": str(log)}
        self._requests.write(json.dumps(request).encode() + b"\n")
        while (pid := self._read_answer()) is None:
            continue
        return ForkedProcess(self, pid, argv)

    def status(self, pid: int, seconds: float | None) -> int | None:
        """The exit status of a process; `None` where it has not ended after the seconds."""
        end = None if seconds is None else time.monotonic() + seconds
        while pid not in self._statuses:
            rest = None if end is None else max(0.0, end - time.monotonic())
            if not select.select([self._answers], [], [], rest)[0]:
                return None
            self._read_answer()
        return self._statuses.pop(pid)

    def close(self) -> None:
        """End the server; the processes that it forked run on."""
        self._requests.close()
        self._process.wait()
        self._answers.close()

    def _read_answer(self) -> int | None:
        """Read a line: the pid of a process that has started, or the status of an ended process."""
        answer, *numbers = self._answers.readline().split()
        pid = int(numbers[0])
        if answer == b"started":
            return pid
        self._statuses[pid] = int(numbers[1])
        return None


class ForkedProcess:
    """What `subprocess.Popen` offers, of a process whose parent is the fork server."""

    def __init__(self, server: ForkServer, pid: int, args: list[str]) -> None:
        self.pid = pid
        self.args = args
        self.returncode: int | None = None
        self.stdout = None
        self._server = server

    def poll(self) -> int | None:
        """The exit status, where the process has ended."""
        if self.returncode is None:
            self.returncode = self._server.status(self.pid, 0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end.

        Raises:
            subprocess.TimeoutExpired: the process has not ended after `timeout` seconds.
        """
        if self.returncode is None:
            self.returncode = self._server.status(self.pid, timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Signal the process, unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@cache
def fork_server() -> ForkServer:
    """The server of this test process, which ends with it."""
    server = ForkServer()
    atexit.register(server.close)
    return server
