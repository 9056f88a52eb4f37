"""What the processes of a test listen on, as the kernel lists it."""

import socket
import struct
from pathlib import Path

__all__ = ["Listener", "listeners", "process_tree"]

# The address and the port.
Listener = tuple[str, int]

_LISTEN = "0A"  # include/net/tcp_states.h


def process_tree(pid: int) -> list[int]:
    """A process and all below it."""
    pids = [pid]
    for parent in pids:
        for task in Path(f"/proc/{parent}/task").iterdir():
            pids += [int(child) for child in (task / "children").read_text().split()]
    return pids


def listeners(pids: list[int]) -> dict[Listener, int]:
    """Address and port of each listening TCP socket, with the process that holds it.

    Of a process that is closed to debuggers only root sees the sockets.
    """
    holders = {inode: pid for pid in pids for inode in _sockets(pid)}
    found = {}
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTEN and fields[9] in holders:
                found[_address(fields[1])] = holders[fields[9]]
    return found


def _sockets(pid: int) -> list[str]:
    inodes = []
    try:
        descriptors = list(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return []
    for descriptor in descriptors:
        try:
            target = str(descriptor.readlink())
        except OSError:
            continue
        if target.startswith("socket:["):
            inodes.append(target.removeprefix("socket:[").removesuffix("]"))
    return inodes


def _address(field: str) -> Listener:
    """Words in the byte order of the machine: proc(5)."""
    digits, _, port = field.partition(":")
    words = [digits[start : start + 8] for start in range(0, len(digits), 8)]
    packed = b"".join(struct.pack("=I", int(word, 16)) for word in words)
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    return socket.inet_ntop(family, packed), int(port, 16)
