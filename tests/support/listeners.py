"""What the processes of a test listen on, as the kernel lists it."""

import socket
import struct
from pathlib import Path

from tests.support.processes import children, open_files

__all__ = ["Listener", "listeners", "process_tree"]

# The address and the port.
Listener = tuple[str, int]

_LISTEN = "0A"  # include/net/tcp_states.h


def process_tree(pid: int) -> list[int]:
    """A process and all below it."""
    pids = [pid]
    for parent in pids:
        pids += children(parent)
    return pids


def listeners(pids: list[int]) -> set[Listener]:
    """Address and port of each listening TCP socket of the processes.

    Of a process that is closed to debuggers only root sees the sockets.
    """
    held = {str(target) for pid in pids for target in open_files(pid)}
    lines = [
        line
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    ]
    return {
        _address(fields[1])
        for fields in map(str.split, lines)
        if fields[3] == _LISTEN and f"socket:[{fields[9]}]" in held
    }


def _address(field: str) -> Listener:
    """Words in the byte order of the machine: proc(5)."""
    digits, _, port = field.partition(":")
    words = [digits[start : start + 8] for start in range(0, len(digits), 8)]
    packed = b"".join(struct.pack("=I", int(word, 16)) for word in words)
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    return socket.inet_ntop(family, packed), int(port, 16)
