"""Terraform's process: forked, prepared, and released once started.json is written."""

import errno
import os
import resource

from runner import linux

# A few descriptors per provider and per running provisioner; the usual soft limit is 1,024.
_OPEN_FILES = 65536
# Processes and threads of this user, root excepted (setrlimit(2)): terraform with Google's provider
# has about 60 threads, and a host has up to 100 places. A template that forks for ever ends here.
_PROCESSES = 16384
# A file of terraform: above it terraform is killed without saving the state, so this is a last
# bound for the host's disk, a hundred times the size of a log of 1,000,000 lines.
_FILE_BYTES = 32 * 1024**3

_NOT_EXECUTED = 127  # a shell's status for "not found"; the error pipe carries the cause


class TerraformChild:
    """A forked process that executes terraform once released."""

    __slots__ = ("_error_pipe", "_gate", "pid")

    def __init__(self, pid: int, gate: int, error_pipe: int) -> None:
        self.pid = pid
        self._gate = gate
        self._error_pipe = error_pipe

    def release(self) -> str | None:
        """Open the gate and wait for the exec; return the error of a failed exec, else None."""
        self._open_gate()
        parts = []
        while part := os.read(self._error_pipe, 4096):
            parts.append(part)
        os.close(self._error_pipe)
        return b"".join(parts).decode(errors="replace") or None

    def _open_gate(self) -> None:
        try:
            os.write(self._gate, b"g")
        except BrokenPipeError:
            return  # the child has exited already; the error pipe has the cause
        finally:
            os.close(self._gate)


def fork_terraform(
    argv: list[str], extra_environment: dict[bytes, bytes], spool: int, alive_lock: int
) -> TerraformChild:
    """Fork terraform's process, which waits at a gate: no terraform runs without started.json.

    A runner that dies first closes the gate; the child reads the end of the pipe and exits.
    """
    runner = os.getpid()
    gate, open_gate = os.pipe()
    error_pipe, write_error = os.pipe()
    pid = os.fork()
    if pid == 0:
        _become_terraform(
            (argv, extra_environment), runner, (gate, open_gate, write_error), (spool, alive_lock)
        )
    os.close(gate)
    os.close(write_error)
    os.setpgid(pid, pid)  # here and in the child, so that neither has to wait for the other
    return TerraformChild(pid, open_gate, error_pipe)


def _become_terraform(
    program: tuple[list[str], dict[bytes, bytes]],
    runner: int,
    pipes: tuple[int, int, int],
    files: tuple[int, int],
) -> None:
    """Never return. An error goes through the pipe, which a successful exec closes."""
    gate, open_gate, write_error = pipes
    try:
        os.close(open_gate)
        _prepare(runner, *files)
        if os.read(gate, 1):
            _execute(*program)
    except BaseException as error:  # noqa: BLE001 -- no exception may leave the forked copy of the runner
        os.write(write_error, f"{type(error).__name__}: {error}".encode())
    finally:
        os._exit(_NOT_EXECUTED)


def _prepare(runner: int, spool: int, alive_lock: int) -> None:
    os.setpgid(0, 0)
    linux.prctl(linux.PR_SET_PDEATHSIG, linux.signals.SIGINT)
    if os.getppid() != runner:
        os._exit(_NOT_EXECUTED)  # the runner died before the parent-death signal was set
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    os.dup2(spool, 1)
    os.dup2(spool, 2)
    os.set_inheritable(alive_lock, True)  # noqa: FBT003 -- the function's signature
    _limit_resources()
    _reset_signals()


def _limit_resources() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump of terraform holds every secret
    for kind, limit in (
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_NPROC, _PROCESSES),
        (resource.RLIMIT_FSIZE, _FILE_BYTES),
    ):
        _, hard = resource.getrlimit(kind)
        allowed = limit if hard == resource.RLIM_INFINITY else min(hard, limit)
        resource.setrlimit(kind, (allowed, allowed))


def _reset_signals() -> None:
    """Restore the default of all signals that the runner, Python or the worker ignore."""
    for number in range(1, linux.signals.NSIG):
        try:
            linux.signals.signal(number, linux.signals.SIG_DFL)
        except (OSError, ValueError):
            continue  # SIGKILL, SIGSTOP and two signals reserved by libc
    linux.signals.pthread_sigmask(linux.signals.SIG_SETMASK, [])


def _execute(argv: list[str], extra_environment: dict[bytes, bytes]) -> None:
    environment = linux.own_environment() | extra_environment
    program = argv[0]
    if "/" in program:
        os.execve(program, argv, environment)  # noqa: S606 -- the purpose of the runner
    error: OSError = FileNotFoundError(errno.ENOENT, "not on PATH", program)
    path = os.fsdecode(environment.get(b"PATH", os.fsencode(os.defpath)))
    for folder in path.split(":"):
        try:
            os.execve(f"{folder or '.'}/{program}", argv, environment)  # noqa: S606 -- as above
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as not_executable:
            error = not_executable  # search on; raised unless a later folder has the program
    raise error
