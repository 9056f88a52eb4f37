"""Child processes that are restarted when they exit, and stopped with a grace period."""

import asyncio
import ctypes
import os
import signal
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

__all__ = ["Backoff", "ChildProcess", "reap_orphans", "signal_queue"]

# linux/prctl.h
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)
# A zombie holds an entry of the process table and nothing else, so a poll per second is enough.
_REAP_SECONDS = 1.0
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC


@dataclass(frozen=True)
class Backoff:
    """Pauses before restarts, doubled each time; a child that ran `steady_seconds` resets them."""

    first_seconds: float = 0.5
    max_seconds: float = 5.0
    steady_seconds: float = 30.0


class ChildProcess:
    """A child process in a separate process group, restarted after each exit.

    The kernel sends the child SIGTERM when this process is killed. stdout and stderr are appended
    to the file `log`; None inherits both.
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
        self._inherited: Collection[int] = ()
        self._backoff = backoff or Backoff()
        self._process: asyncio.subprocess.Process | None = None
        self._stop_signal: signal.Signals | None = None
        self._stop = asyncio.Event()
        self._task: asyncio.Task[int] | None = None

    @property
    def pid(self) -> int | None:
        """Process id while the child runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    def start(self, inherited: Collection[int] = ()) -> asyncio.Task[int]:
        """Start the child, which inherits the file descriptors; `stop` ends the task."""
        self._inherited = inherited
        self._task = asyncio.create_task(self._run(), name=self.name)
        return self._task

    async def stop(self, seconds: float, number: signal.Signals = signal.SIGTERM) -> int:
        """Send the signal, wait for the exit, send SIGKILL after `seconds`; the exit status."""
        if self._task is None:
            return 0
        self._stop_signal = number
        self._stop.set()
        self._send(number)
        await asyncio.wait({self._task}, timeout=seconds)
        if not self._task.done():
            self._send(signal.SIGKILL)
        return await self._task

    async def _run(self) -> int:
        clock = asyncio.get_running_loop().time
        pause, status = self._backoff.first_seconds, 0
        while not self._stop.is_set():
            started_at = clock()
            self._process = await self._spawn()
            self.starts += 1
            if self._stop_signal is not None:
                self._send(self._stop_signal)
            status = await self._process.wait()
            if clock() - started_at >= self._backoff.steady_seconds:
                pause = self._backoff.first_seconds
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stop.wait()
            pause = min(pause * 2, self._backoff.max_seconds)
        return status

    async def _spawn(self) -> asyncio.subprocess.Process:
        output = None if self._log is None else os.open(self._log, _APPEND, 0o600)
        try:
            return await asyncio.create_subprocess_exec(
                *self._argv,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=self._inherited,
                process_group=0,
                preexec_fn=partial(_die_with_parent, os.getpid()),
            )
        finally:
            if output is not None:
                os.close(output)

    def _send(self, number: signal.Signals) -> None:
        if self.pid is not None and self._process is not None:
            self._process.send_signal(number)


def _die_with_parent(parent: int) -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        # The parent was killed before prctl, so the kernel sends no signal.
        os.kill(os.getpid(), signal.SIGTERM)


def signal_queue() -> "asyncio.Queue[signal.Signals]":
    """A queue that receives every SIGTERM and SIGINT of this process, in order."""
    signals: asyncio.Queue[signal.Signals] = asyncio.Queue()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, signals.put_nowait, number)
    return signals


async def reap_orphans(child: ChildProcess) -> None:
    """As pid 1: reap every zombie except `child`, whose exit status asyncio reads."""
    while True:
        await asyncio.sleep(_REAP_SECONDS)
        while (pid := _zombie()) is not None and pid != child.pid:
            os.waitpid(pid, os.WNOHANG)  # noqa: ASYNC222 - returns at once


def _zombie() -> int | None:
    try:
        exited = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    return exited.si_pid if exited is not None else None
