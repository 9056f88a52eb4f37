"""Linux interfaces of the runner: clocks, signals, prctl, /proc."""

import errno
import os
import time

TYPE_CHECKING = False  # importing typing takes time; type checkers accept this name
if TYPE_CHECKING:
    import signal
else:
    # The C half of `signal`, loaded by every interpreter: the same functions without the enums,
    # whose import takes 7 ms (measured).
    import _signal as signal

signals = signal

PR_SET_PDEATHSIG = 1  # include/uapi/linux/prctl.h
PR_SET_CHILD_SUBREAPER = 36

FALLOC_FL_KEEP_SIZE = 1  # include/uapi/linux/falloc.h

# A disk or a quota without space: the writer of the file learns nothing else.
FULL = (errno.ENOSPC, errno.EDQUOT)

_READ_BYTES = 65536  # more than any /proc file read here, except an environment


class ProcessHandle:
    """Facts about a process, from /proc/<pid>/stat (proc(5))."""

    __slots__ = ("alive", "cpu_ticks", "parent", "pid", "session", "start_ticks")

    def __init__(self, pid: int, stat: bytes) -> None:
        # The name, in brackets, may contain spaces and brackets: count from the last bracket.
        fields = stat[stat.rindex(b")") + 2 :].split()
        self.pid = pid
        # Field 3. A zombie may remain: the first process of a container may never reap.
        self.alive = fields[0] not in (b"Z", b"X")
        self.parent = int(fields[1])  # field 4
        self.session = int(fields[3])  # field 6
        # Fields 14 to 17: user and system time, of this process and of children that were reaped.
        self.cpu_ticks = sum(map(int, fields[11:15]))
        self.start_ticks = int(fields[19])  # field 22


def boottime() -> float:
    """Seconds since boot, time asleep included: the clock of leases and deadlines."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def rfc3339_now() -> str:
    """The current UTC time with microseconds."""
    seconds, rest = divmod(time.time_ns(), 1_000_000_000)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{text}.{rest // 1000:06d}Z"


def read_whole(path: str) -> bytes:
    """Return the bytes of a small file; raises OSError."""
    fd = os.open(path, os.O_RDONLY)
    try:
        parts = []
        while part := os.read(fd, _READ_BYTES):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(fd)


def boot_id() -> str:
    """The kernel's id of this boot; a pid is valid within one boot."""
    return read_whole("/proc/sys/kernel/random/boot_id").decode().strip()


def process(pid: int) -> ProcessHandle | None:
    """The process with this pid, None when it does not exist."""
    try:
        return ProcessHandle(pid, read_whole(f"/proc/{pid}/stat"))
    except (OSError, ValueError):
        return None


def existing_process(pid: int) -> ProcessHandle:
    """The process with this pid, for this process and for children that are not reaped.

    Raises:
        ProcessLookupError: when the process does not exist.
    """
    handle = process(pid)
    if handle is None:
        raise ProcessLookupError(pid)
    return handle


def processes() -> list[ProcessHandle]:
    """All processes visible in this pid namespace."""
    with os.scandir("/proc") as entries:
        pids = [int(entry.name) for entry in entries if entry.name.isdigit()]
    return [handle for handle in map(process, pids) if handle is not None]


def own_environment() -> dict[bytes, bytes]:
    """The environment that this process was started with.

    Not `os.environ`: in a C locale Python adds LC_CTYPE there (PEP 538), and terraform would
    inherit the variable.
    """
    pairs = read_whole("/proc/self/environ").split(b"\0")
    return dict(pair.split(b"=", 1) for pair in pairs if b"=" in pair)


def prctl(option: int, argument: int) -> None:
    """Set an attribute of this process (prctl(2)); raises OSError when the kernel refuses."""
    import ctypes  # the cheapest public interface; the private `_ctypes` would save 1 ms

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(argument), *[ctypes.c_ulong(0)] * 3) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def io_bytes(pid: int) -> int:
    """Bytes that a process has read and written by system calls, sockets and pipes included.

    0 where the kernel does not say: for an exited process, or one of another user.
    """
    try:
        lines = read_whole(f"/proc/{pid}/io").split(b"\n")
        return sum(int(line.split()[1]) for line in lines if line[:6] in (b"rchar:", b"wchar:"))
    except (OSError, ValueError, IndexError):
        return 0


def oom_kills() -> int:
    """Processes that the kernel has killed for lack of memory since boot, in any control group."""
    try:
        lines = read_whole("/proc/vmstat").split(b"\n")
        return next((int(line.split()[1]) for line in lines if line[:9] == b"oom_kill "), 0)
    except (OSError, ValueError, IndexError):
        return 0


def allocate(fd: int, end: int) -> bool:
    """Allocate a file's space up to `end` without a change of its size.

    A later write into this space never meets a full disk. False where the file system cannot do
    this; raises OSError, on a full disk with an errno of `FULL`.
    """
    import ctypes  # as in `prctl`

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.fallocate(fd, FALLOC_FL_KEEP_SIZE, ctypes.c_int64(0), ctypes.c_int64(end)) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.EOPNOTSUPP, errno.ENOSYS):
        return False
    raise OSError(code, os.strerror(code))


def free_bytes(fd: int) -> int:
    """Free bytes of a file's file system, with the share that root alone may use for root."""
    status = os.fstatvfs(fd)
    return status.f_frsize * (status.f_bavail if os.geteuid() else status.f_bfree)
