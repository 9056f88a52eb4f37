"""Kill the processes of a step that outlive terraform, such as children of provisioners.

Terraform kills only the direct child of a local-exec (measured); that child's children survive.
"""

import os
import time

from runner import linux
from runner.step_files import ALIVE_LOCK, StepFiles

# SIGKILL works at once, except on a process that waits for a broken disk or network file system.
_TIMEOUT_SECONDS = 10.0
_POLL_SECONDS = 0.005  # between a SIGKILL and the next check

_CLOSE_ON_EXEC = os.O_CLOEXEC  # /proc/<pid>/fdinfo shows the flags of open(2)


class SweepResult:
    """Result of a sweep: `count` processes were killed, `left` survived SIGKILL."""

    __slots__ = ("count", "left")

    def __init__(self) -> None:
        self.count = 0
        self.left = 0


def reap_orphans(terraform: int) -> None:
    """Reap exited children, except terraform, whose exit status is read later."""
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if ended is None or ended.si_pid == terraform:
            return
        os.waitpid(ended.si_pid, 0)


def sweep_children(terraform: int) -> SweepResult:
    """Kill and reap all processes that an exited terraform left, and reap terraform.

    The caller is a child subreaper: every orphan becomes its child, and the kernel cannot reuse a
    pid before this function reaps the process. For the same reason terraform is reaped after its
    group is killed.
    """
    swept = SweepResult()
    _kill_group(terraform)
    os.waitpid(terraform, 0)
    limit = time.monotonic() + _TIMEOUT_SECONDS
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return swept  # usually at once: no process was left
        if pid:
            swept.count += os.waitstatus_to_exitcode(status) == -linux.signals.SIGKILL
            continue
        if time.monotonic() > limit:
            swept.left = len(_children())
            return swept
        for child in _children():
            os.kill(child, linux.signals.SIGKILL)
        time.sleep(_POLL_SECONDS)


def _kill_group(group: int) -> None:
    try:
        os.killpg(group, linux.signals.SIGKILL)
    except ProcessLookupError:
        return  # the process died before setpgid


def _children() -> list[int]:
    me = os.getpid()
    return [process.pid for process in linux.processes() if process.parent == me]


class LostStep:
    """Finds the processes of a step whose runner is dead.

    A process belongs to the step by its session, or by `alive.lock`: terraform's descendants
    inherit a descriptor that survives an exec, while a supervisor probes the lock through a
    close-on-exec descriptor, Python's default.
    """

    __slots__ = ("_folder", "_lock", "_since", "_trusted_session")

    def __init__(self, folder: StepFiles, session: int, runner_ticks: int, since: int) -> None:
        self._folder = folder
        self._since = since
        # The session's leader was the runner. The kernel never reuses the number of a session with
        # members: another process with that pid means that the session is empty.
        leader = linux.process(session)
        reused = leader is not None and leader.start_ticks != runner_ticks
        self._trusted_session = None if reused else session
        status = os.stat(ALIVE_LOCK, dir_fd=folder.fd)
        self._lock = (status.st_dev, status.st_ino)

    def processes(self) -> list[linux.ProcessHandle]:
        """The living processes of the step, except this process."""
        me = os.getpid()
        return [
            process
            for process in linux.processes()
            if process.pid != me
            and process.start_ticks >= self._since
            and process.alive
            and (process.session == self._trusted_session or self._inherited_lock(process.pid))
        ]

    def _inherited_lock(self, pid: int) -> bool:
        try:
            folder = os.open(f"/proc/{pid}/fd", os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            return False  # exited, or another user's process
        try:
            with os.scandir(folder) as entries:
                return any(self._is_inherited_lock(pid, folder, entry.name) for entry in entries)
        except OSError:
            return False
        finally:
            os.close(folder)

    def _is_inherited_lock(self, pid: int, folder: int, name: str) -> bool:
        try:
            status = os.stat(name, dir_fd=folder)
            if (status.st_dev, status.st_ino) != self._lock:
                return False
            lines = linux.read_whole(f"/proc/{pid}/fdinfo/{name}").split(b"\n")
        except OSError:
            return False
        flags = next(line.split()[1] for line in lines if line.startswith(b"flags:"))
        return not int(flags, 8) & _CLOSE_ON_EXEC


def sweep_lost(step: LostStep) -> SweepResult:
    """Kill the remaining processes of a step whose terraform and runner have ended."""
    killed: set[tuple[int, int]] = set()
    swept = SweepResult()
    limit = time.monotonic() + _TIMEOUT_SECONDS
    while processes := step.processes():
        if time.monotonic() > limit:
            swept.left = len(processes)
            break
        for process in processes:
            if kill_exactly(process.pid, process.start_ticks):
                killed.add((process.pid, process.start_ticks))
        time.sleep(_POLL_SECONDS)
    swept.count = len(killed)
    return swept


def kill_exactly(pid: int, start_ticks: int) -> bool:
    """Send SIGKILL to this process, never to a later process with the same pid."""
    pidfd = open_exactly(pid, start_ticks)
    if pidfd is None:
        return False
    try:
        linux.signals.pidfd_send_signal(pidfd, linux.signals.SIGKILL)
    except OSError:
        return False
    finally:
        os.close(pidfd)
    return True


def open_exactly(pid: int, start_ticks: int) -> int | None:
    """Open a pidfd of the living process with this pid and start time; None when not found."""
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return None
    process = linux.process(pid)  # read after pidfd_open, so both refer to the same process
    if process is not None and process.start_ticks == start_ticks and process.alive:
        return pidfd
    os.close(pidfd)
    return None
