"""Nothing of a step outlives its terraform: provisioners' leftovers are found and killed.

Terraform kills only the direct child of a local-exec (measured); what that child started goes on.
"""

import os
import time

from runner import linux
from runner.step_files import ALIVE_LOCK, StepFiles

# SIGKILL works at once, save on a process that waits for a broken disk or network file system.
_LIMIT_SECONDS = 10.0
_PAUSE_SECONDS = 0.005  # between looks at what SIGKILL has left

_CLOSE_ON_EXEC = os.O_CLOEXEC  # /proc/<pid>/fdinfo writes the flags as open(2) takes them


class SweepResult:
    """What a sweep did: how many it killed, and whether some would not die."""

    __slots__ = ("count", "left")

    def __init__(self) -> None:
        self.count = 0
        self.left = 0


def reap_orphans(terraform: int) -> None:
    """Bury what ended as our child, terraform excepted: its status is still to be read."""
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if ended is None or ended.si_pid == terraform:
            return
        os.waitpid(ended.si_pid, 0)


def sweep_children(terraform: int) -> SweepResult:
    """Kill and bury all that an ended terraform left, itself included.

    The caller is child subreaper, so every orphan becomes its child and no pid can be used again
    before it is buried here. For the same reason terraform is not buried yet when its group is
    killed.
    """
    swept = SweepResult()
    _kill_group(terraform)
    os.waitpid(terraform, 0)
    limit = time.monotonic() + _LIMIT_SECONDS
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return swept  # mostly at once: nothing was left
        if pid:
            swept.count += os.waitstatus_to_exitcode(status) == -linux.signals.SIGKILL
            continue
        if time.monotonic() > limit:
            swept.left = len(_children())
            return swept
        for child in _children():
            os.kill(child, linux.signals.SIGKILL)
        time.sleep(_PAUSE_SECONDS)


def _kill_group(group: int) -> None:
    try:
        os.killpg(group, linux.signals.SIGKILL)
    except ProcessLookupError:
        return  # it died before it made its group


def _children() -> list[int]:
    me = os.getpid()
    return [process.pid for process in linux.processes() if process.parent == me]


class LostStep:
    """How to recognise the processes of a step whose runner is dead.

    By its session, or by `alive.lock`: whoever inherited it from terraform holds it through a
    descriptor that survives an exec; a keeper that only probes the lock opens it close-on-exec,
    as Python does.
    """

    __slots__ = ("_folder", "_lock", "_since", "_trusted_session")

    def __init__(self, folder: StepFiles, session: int, runner_ticks: int, since: int) -> None:
        self._folder = folder
        self._since = since
        # The session's leader was the runner. While the session has members the kernel gives its
        # number to nobody: another process with that pid means that the number was used again.
        leader = linux.process(session)
        reused = leader is not None and leader.start_ticks != runner_ticks
        self._trusted_session = None if reused else session
        status = os.stat(ALIVE_LOCK, dir_fd=folder.fd)
        self._lock = (status.st_dev, status.st_ino)

    def processes(self) -> list[linux.ProcessHandle]:
        """Its processes that are alive, ourselves excepted."""
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
            return False  # gone, or somebody else's
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
    """Kill what is left of a step whose terraform has ended and whose runner is dead."""
    killed: set[tuple[int, int]] = set()
    swept = SweepResult()
    limit = time.monotonic() + _LIMIT_SECONDS
    while found := step.processes():
        if time.monotonic() > limit:
            swept.left = len(found)
            break
        for item in found:
            if kill_exactly(item.pid, item.start_ticks):
                killed.add((item.pid, item.start_ticks))
        time.sleep(_PAUSE_SECONDS)
    swept.count = len(killed)
    return swept


def kill_exactly(pid: int, start_ticks: int) -> bool:
    """SIGKILL for this process and no later one with its pid."""
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
    """A descriptor of the living process that has this pid and start; None when there is none."""
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return None
    found = linux.process(pid)  # after the descriptor: now it cannot be another one's facts
    if found is not None and found.start_ticks == start_ticks and found.alive:
        return pidfd
    os.close(pidfd)
    return None
