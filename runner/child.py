"""Terraform's own process: made, prepared, and let go when its start is on record."""

import errno
import os
import resource

from runner import linux

# Some descriptors per provider and per running provisioner; the usual soft limit is 1,024.
_OPEN_FILES = 65536

_NOT_EXECUTED = 127  # a shell's status for "not found"; nobody sees it, the report says more


class TerraformChild:
    """A forked process that becomes terraform when it is released."""

    __slots__ = ("_gate", "_report", "pid")

    def __init__(self, pid: int, gate: int, report: int) -> None:
        self.pid = pid
        self._gate = gate
        self._report = report

    def release(self) -> str | None:
        """Let it become terraform.

        Returns:
            Why it could not, None when it did.
        """
        self._open_gate()
        parts = []
        while part := os.read(self._report, 4096):
            parts.append(part)
        os.close(self._report)
        return b"".join(parts).decode(errors="replace") or None

    def _open_gate(self) -> None:
        try:
            os.write(self._gate, b"g")
        except BrokenPipeError:
            return  # it has left already; the report says why
        finally:
            os.close(self._gate)


def fork_terraform(
    argv: list[str], more: dict[bytes, bytes], spool: int, alive_lock: int
) -> TerraformChild:
    """Make terraform's process; it waits at a gate: terraform never runs without started.json.

    `more` is added to its environment.

    A runner that dies before it opens the gate closes it: the child sees the end of the pipe and
    leaves.
    """
    runner = os.getpid()
    gate, open_gate = os.pipe()
    report, write_report = os.pipe()
    pid = os.fork()
    if pid == 0:
        _become_terraform(
            (argv, more), runner, (gate, open_gate, write_report), (spool, alive_lock)
        )
    os.close(gate)
    os.close(write_report)
    os.setpgid(pid, pid)  # here and in the child, so that neither has to wait for the other
    return TerraformChild(pid, open_gate, report)


def _become_terraform(
    program: tuple[list[str], dict[bytes, bytes]],
    runner: int,
    pipes: tuple[int, int, int],
    files: tuple[int, int],
) -> None:
    """Never returns; what goes wrong is told through the pipe, which a successful exec closes."""
    gate, open_gate, write_report = pipes
    try:
        os.close(open_gate)
        _prepare(runner, *files)
        if os.read(gate, 1):
            _execute(*program)
    except BaseException as problem:  # noqa: BLE001 -- nothing may climb out of a forked copy of the runner
        os.write(write_report, f"{type(problem).__name__}: {problem}".encode())
    finally:
        os._exit(_NOT_EXECUTED)


def _prepare(runner: int, spool: int, alive_lock: int) -> None:
    os.setpgid(0, 0)
    linux.prctl(linux.PR_SET_PDEATHSIG, linux.signals.SIGINT)
    if os.getppid() != runner:
        os._exit(_NOT_EXECUTED)  # it died before it could be watched
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    os.dup2(spool, 1)
    os.dup2(spool, 2)
    os.set_inheritable(alive_lock, True)  # noqa: FBT003 -- the function takes it so
    _limit_resources()
    _default_signals()


def _limit_resources() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core of terraform holds every secret
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _default_signals() -> None:
    """Undo what we ignore, what Python ignores (SIGPIPE, SIGXFSZ) and what our starter left us."""
    for number in range(1, linux.signals.NSIG):
        try:
            linux.signals.signal(number, linux.signals.SIG_DFL)
        except (OSError, ValueError):
            continue  # SIGKILL, SIGSTOP and the two that libc keeps
    linux.signals.pthread_sigmask(linux.signals.SIG_SETMASK, [])


def _execute(argv: list[str], more: dict[bytes, bytes]) -> None:
    environment = linux.own_environment() | more
    program = argv[0]
    if "/" in program:
        os.execve(program, argv, environment)  # noqa: S606 -- this is what the runner is for
    problem: OSError = FileNotFoundError(errno.ENOENT, "not on PATH", program)
    path = os.fsdecode(environment.get(b"PATH", os.fsencode(os.defpath)))
    for folder in path.split(":"):
        try:
            os.execve(f"{folder or '.'}/{program}", argv, environment)  # noqa: S606 -- as above
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as refused:
            problem = refused  # not executable: look further, say this if nothing else is found
    raise problem
