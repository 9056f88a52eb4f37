"""Keeps child processes running and ends them in order."""

import asyncio
import ctypes
import os
import signal
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

__all__ = ["Backoff", "ChildProcess", "reap_orphans", "stop_on_signals"]

# linux/prctl.h
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)
# Orphans hold nothing but an entry in the process table, so nobody waits for this.
_REAP_SECONDS = 1.0


@dataclass(frozen=True)
class Backoff:
    """Pauses between restarts, doubling; a child that lived `steady_seconds` starts anew."""

    first_seconds: float = 0.5
    most_seconds: float = 5.0
    steady_seconds: float = 30.0


class ChildProcess:
    """One child process in a group of its own, started again whenever it dies.

    The kernel sends it SIGTERM should this process be killed.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        environment: Mapping[str, str],
        log: Path | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        self.name = name
        self.starts = 0
        self._argv = argv
        self._environment = environment
        self._log = log
        self._holding: Collection[int] = ()
        self._backoff = backoff or Backoff()
        self._process: asyncio.subprocess.Process | None = None
        self._stopping: signal.Signals | None = None
        self._stop = asyncio.Event()
        self._task: asyncio.Task[int] | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the one that runs, if one does."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    def begin(self, holding: Collection[int] = ()) -> asyncio.Task[int]:
        """Start it and keep it running; the task ends after `stop`, with its exit status.

        Args:
            holding: descriptors that it inherits.
        """
        self._holding = holding
        self._task = asyncio.create_task(self._keep(), name=self.name)
        return self._task

    async def stop(self, seconds: float, number: signal.Signals = signal.SIGTERM) -> int:
        """Signal it, wait, and kill this one process if it has not gone after `seconds`."""
        if self._task is None:
            return 0
        self._stopping = number
        self._stop.set()
        self._send(number)
        await asyncio.wait({self._task}, timeout=seconds)
        if not self._task.done():
            self._send(signal.SIGKILL)
        return await self._task

    async def _keep(self) -> int:
        clock = asyncio.get_running_loop().time
        pause, status = self._backoff.first_seconds, 0
        while not self._stop.is_set():
            began = clock()
            self._process = await self._start()
            self.starts += 1
            if self._stopping is not None:
                self._send(self._stopping)
            status = await self._process.wait()
            if clock() - began >= self._backoff.steady_seconds:
                pause = self._backoff.first_seconds
            await _wait(self._stop, pause)
            pause = min(pause * 2, self._backoff.most_seconds)
        return status

    async def _start(self) -> asyncio.subprocess.Process:
        output = None if self._log is None else os.open(self._log, _APPEND, 0o600)
        try:
            return await asyncio.create_subprocess_exec(
                *self._argv,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=self._holding,
                process_group=0,
                preexec_fn=partial(_die_with, os.getpid()),
            )
        finally:
            if output is not None:
                os.close(output)

    def _send(self, number: signal.Signals) -> None:
        if self.pid is not None and self._process is not None:
            self._process.send_signal(number)


_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC


def _die_with(parent: int) -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        # It was killed before the kernel knew whom to tell.
        os.kill(os.getpid(), signal.SIGTERM)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass


def stop_on_signals() -> "asyncio.Queue[signal.Signals]":
    """SIGTERM and SIGINT, in the order they come."""
    asked: asyncio.Queue[signal.Signals] = asyncio.Queue()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked.put_nowait, number)
    return asked


async def reap_orphans(child: ChildProcess) -> None:
    """As pid 1: take the status of every dead process but `child`, whose status is awaited."""
    while True:
        await asyncio.sleep(_REAP_SECONDS)
        while (found := _dead()) is not None and found != child.pid:
            os.waitpid(found, os.WNOHANG)  # noqa: ASYNC222 - returns at once


def _dead() -> int | None:
    try:
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    return found.si_pid if found is not None else None
