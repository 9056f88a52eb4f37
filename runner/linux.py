"""What the runner asks of Linux: clocks, signals, parent-death, facts about processes."""

import os
import time

TYPE_CHECKING = False  # typing's own costs an import; type checkers know the name
if TYPE_CHECKING:
    import signal
else:
    # The C half of `signal`, which the interpreter has loaded anyway: the same functions without
    # the enums, whose import takes 7 ms (measured).
    import _signal as signal

signals = signal

PR_SET_PDEATHSIG = 1  # include/uapi/linux/prctl.h
PR_SET_CHILD_SUBREAPER = 36

_ANSWER_BYTES = 65536  # more than any /proc file we read, save an environment


class ProcessHandle:
    """Facts about one process, from /proc/<pid>/stat (proc(5))."""

    __slots__ = ("alive", "parent", "pid", "session", "start_ticks")

    def __init__(self, pid: int, stat: bytes) -> None:
        # The name, in brackets, may hold spaces and brackets: count from the last one.
        fields = stat[stat.rindex(b")") + 2 :].split()
        self.pid = pid
        # Field 3. A zombie may stay for long: the first process of a container may bury nobody.
        self.alive = fields[0] not in (b"Z", b"X")
        self.parent = int(fields[1])  # field 4
        self.session = int(fields[3])  # field 6
        self.start_ticks = int(fields[19])  # field 22


def boottime() -> float:
    """Seconds since boot, time asleep included: what leases and deadlines are measured in."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def rfc3339_now() -> str:
    """Now, UTC, with microseconds."""
    seconds, rest = divmod(time.time_ns(), 1_000_000_000)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{text}.{rest // 1000:06d}Z"


def read_whole(path: str) -> bytes:
    """The bytes of a small file.

    Raises:
        OSError: when it cannot be opened or read.
    """
    fd = os.open(path, os.O_RDONLY)
    try:
        parts = []
        while part := os.read(fd, _ANSWER_BYTES):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(fd)


def boot_id() -> str:
    """The kernel's name for this boot; a pid means nothing in another one."""
    return read_whole("/proc/sys/kernel/random/boot_id").decode().strip()


def process(pid: int) -> ProcessHandle | None:
    """The process with this pid, None when there is none."""
    try:
        return ProcessHandle(pid, read_whole(f"/proc/{pid}/stat"))
    except (OSError, ValueError):
        return None


def existing_process(pid: int) -> ProcessHandle:
    """Ourselves or an unburied child.

    Raises:
        ProcessLookupError: when there is none.
    """
    found = process(pid)
    if found is None:
        raise ProcessLookupError(pid)
    return found


def processes() -> list[ProcessHandle]:
    """All processes that can be seen from here."""
    with os.scandir("/proc") as entries:
        pids = [int(entry.name) for entry in entries if entry.name.isdigit()]
    return [item for item in map(process, pids) if item is not None]


def own_environment() -> dict[bytes, bytes]:
    """The environment this process was started with.

    Not `os.environ`: in a C locale Python adds LC_CTYPE to its own (PEP 538), and terraform would
    inherit that.
    """
    pairs = read_whole("/proc/self/environ").split(b"\0")
    return dict(pair.split(b"=", 1) for pair in pairs if b"=" in pair)


def prctl(option: int, argument: int) -> None:
    """Set something about this process.

    Raises:
        OSError: when the kernel refuses.
    """
    import ctypes  # the cheapest public way; `_ctypes` alone would save 1 ms and is private

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(argument), *[ctypes.c_ulong(0)] * 3) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
