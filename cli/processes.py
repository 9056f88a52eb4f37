"""Child processes that are restarted when they exit, and stopped with a grace period."""

import asyncio
import ctypes
import os
import signal
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cli.local_environment import CannotStart
from cli.log_files import APPEND, rotate

__all__ = ["Backoff", "ChildProcess", "Patience", "reap_orphans", "signal_queue", "until_ready"]

# linux/prctl.h
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)
# A zombie holds an entry of the process table and nothing else, so a poll per second is enough.
_REAP_SECONDS = 1.0
# A flood of 100 MB a second fills a disk within minutes; between two checks it writes 100 MB.
_ROTATION_SECONDS = 1.0
# Bytes from and to the disk that count like a second of processor time: a slow disk reads 1 MiB in
# about a second.
_BYTES_PER_SECOND = 1024 * 1024
_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Backoff:
    """Pauses before restarts, doubled each time; a child that ran `steady_seconds` resets them."""

    first_seconds: float = 0.5
    max_seconds: float = 5.0
    steady_seconds: float = 30.0


@dataclass(frozen=True)
class Patience:
    """When children that start are given up.

    They are given up after `idle_seconds` in which they worked for less than `min_work_seconds`:
    the servers of `anava up` work for 1 to 2 s until they are ready and, idle, for 0.3 s a minute
    (measured). A child that exits `max_exits` times will not start.
    """

    idle_seconds: float = 60.0
    min_work_seconds: float = 0.5
    max_exits: int = 5


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
        self.status = 0
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

    def exits(self) -> int:
        """How often the child has exited.

        Raises:
            OSError: the child or its log file cannot be opened.
        """
        if self._task is not None and self._task.done():
            self._task.result()
        return self.starts - (self.pid is not None)

    def work_seconds(self) -> float:
        """Seconds of processor time since the child's start; disk I/O counts too."""
        try:
            # proc(5): user and system time, of the child and of its own ended children.
            stat = Path(f"/proc/{self.pid}/stat").read_text()
        except OSError:
            return 0.0
        ticks = sum(int(field) for field in stat.rpartition(")")[2].split()[11:15])
        return ticks / _CLOCK_TICKS + _moved_bytes(self.pid) / _BYTES_PER_SECOND

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
        pause = self._backoff.first_seconds
        while not self._stop.is_set():
            started_at = clock()
            self._process = await self._spawn()
            self.starts += 1
            if self._stop_signal is not None:
                self._send(self._stop_signal)
            self.status = await self._until_exit(self._process)
            if clock() - started_at >= self._backoff.steady_seconds:
                pause = self._backoff.first_seconds
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stop.wait()
            pause = min(pause * 2, self._backoff.max_seconds)
        return self.status

    async def _until_exit(self, process: asyncio.subprocess.Process) -> int:
        """Keep the log file small until the child exits; the exit status."""
        exit_ = asyncio.ensure_future(process.wait())
        while not exit_.done():
            if self._log is not None:
                await asyncio.to_thread(rotate, self._log)
            await asyncio.wait({exit_}, timeout=_ROTATION_SECONDS)
        return exit_.result()

    async def _spawn(self) -> asyncio.subprocess.Process:
        output = None if self._log is None else os.open(self._log, APPEND, 0o600)
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


async def until_ready(
    condition: Callable[[], Awaitable[bool]],
    children: Sequence[ChildProcess],
    logs: Path,
    patience: Patience,
) -> None:
    """Poll a condition every 0.1 s until it holds, for as long as the children make progress.

    Raises:
        CannotStart: the children do nothing, or a child exits again and again.
    """
    clock = asyncio.get_running_loop().time
    worked, idle_since = 0.0, clock()
    while not await _holds(condition, patience.idle_seconds):
        for child in children:
            if child.exits() >= patience.max_exits:
                raise CannotStart(_exited(child, logs))
        work = sum(child.work_seconds() for child in children)
        if work - worked >= patience.min_work_seconds:
            worked, idle_since = work, clock()
        elif clock() - idle_since >= patience.idle_seconds:
            names = " and ".join(child.name for child in children)
            idle = f"did nothing for {patience.idle_seconds:g} s"
            raise CannotStart(f"Not ready: {names} {idle}; see {logs}.")
        # A child that was restarted counts from zero.
        worked = min(worked, work)
        await asyncio.sleep(0.1)


async def _holds(condition: Callable[[], Awaitable[bool]], seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await condition()
    except TimeoutError:
        return False


def _exited(child: ChildProcess, logs: Path) -> str:
    status, count = child.status, child.exits()
    end = f"signal {-status}" if status < 0 else f"status {status}"
    return f"{child.name} exited {count} times, last with {end}; see {logs / child.name}.log."


def _moved_bytes(pid: int | None) -> int:
    """Bytes from and to the disk; 0 of a process that is closed to other processes."""
    try:
        fields = Path(f"/proc/{pid}/io").read_text().split()
    except OSError:
        return 0
    return sum(int(fields[fields.index(name) + 1]) for name in ("read_bytes:", "write_bytes:"))


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
