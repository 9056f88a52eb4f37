"""A state that terraform could not save: found again, and kept where only operators look.

Terraform leaves it in `errored.tfstate`, or, where that cannot be written either, prints it whole,
every secret in clear, as a message of its own (tried, terraform 1.11.4).
"""

import mmap
import os
from pathlib import Path
from typing import Literal

import msgspec

__all__ = ["RESCUED_STATE", "preserve", "read_errored_state"]

RESCUED_STATE = "errored.tfstate"

# What stands in the message; what a provisioner prints stands in a text, with its quotes escaped.
_KEY = b'"state":{'


class _Dump(msgspec.Struct):
    type: Literal["log"]
    state: msgspec.Raw


_DECODER = msgspec.json.Decoder(_Dump)


def read_errored_state(work: Path, spool: Path) -> bytes:
    """The state that was not saved; nothing when there is none.

    Args:
        work: where terraform ran.
        spool: what it printed.
    """
    file = work / RESCUED_STATE
    if file.is_file() and (content := file.read_bytes()):
        return content
    return _printed(spool)


def preserve(state: bytes, folder: Path) -> Path:
    """Write it where no artifact store and no download reaches; the file."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = folder / f".{RESCUED_STATE}.{os.urandom(6).hex()}"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as output:
        output.write(state)
        os.fsync(output.fileno())
    return draft.replace(folder / RESCUED_STATE)


def _printed(spool: Path) -> bytes:
    """The last state that was printed."""
    if not spool.is_file() or not spool.stat().st_size:
        return b""
    with spool.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        end = len(data)
        while (found := data.rfind(_KEY, 0, end)) >= 0:
            begin = data.rfind(b"\n", 0, found) + 1
            newline = data.find(b"\n", found)
            try:
                dump = _DECODER.decode(data[begin : newline if newline >= 0 else len(data)])
            except msgspec.MsgspecError:
                end = begin
                continue
            return bytes(dump.state)
    return b""
