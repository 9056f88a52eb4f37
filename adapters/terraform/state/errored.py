"""Reads a state that terraform could not save.

Terraform writes the state to `errored.tfstate`. When that fails too, terraform prints the state,
with every secret in clear, as a message of the machine-readable output (tried, terraform 1.11.4).
"""

import mmap
from pathlib import Path
from typing import Literal

import msgspec

__all__ = ["ERRORED_STATE_FILE", "read_errored_state"]

ERRORED_STATE_FILE = "errored.tfstate"

# The message's key; inside a provisioner's output these quotes are escaped.
_KEY = b'"state":{'


class _StateMessage(msgspec.Struct):
    type: Literal["log"]
    state: msgspec.Raw


_DECODER = msgspec.json.Decoder(_StateMessage)


def read_errored_state(work: Path, spool: Path) -> bytes:
    """Return the unsaved state in the spool, else in the `work` folder; empty without one.

    Terraform prints the state only when the file could not be written, and may then be cut.
    """
    if printed := _printed_state(spool):
        return printed
    file = work / ERRORED_STATE_FILE
    return file.read_bytes() if file.is_file() else b""


def _printed_state(spool: Path) -> bytes:
    """The last state that terraform printed."""
    if not spool.is_file() or not spool.stat().st_size:
        return b""
    with spool.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        end = len(data)
        while (position := data.rfind(_KEY, 0, end)) >= 0:
            begin = data.rfind(b"\n", 0, position) + 1
            newline = data.find(b"\n", position)
            try:
                message = _DECODER.decode(data[begin : newline if newline >= 0 else len(data)])
            except msgspec.MsgspecError:
                end = begin
                continue
            return bytes(message.state)
    return b""
