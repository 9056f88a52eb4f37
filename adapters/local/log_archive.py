"""The event files of a deployment as artifacts: as written, packed, and as text.

Streams of blocks, so a million lines need no more memory than one block. The same event files
always give the same bytes.
"""

import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from deployments.events import EndKind
from deployments.log_text import full_text, text_line

__all__ = ["as_text", "as_written", "gzipped"]

_BLOCK_BYTES = 1024 * 1024
_NEWLINE = b"\n"

# gzip's own header: no name, no time, unknown system (RFC 1952), so equal logs give equal files.
_GZIP_BITS = 16 + zlib.MAX_WBITS
_GZIP_LEVEL = 1


class _Line(msgspec.Struct):
    time: str = ""
    level: str = ""
    phase: str = ""
    text: str = ""
    end: str = ""
    diagnostic: dict[str, Any] | None = None
    truncated_bytes: int = 0


def as_written(file: Path) -> Iterator[bytes]:
    """The bytes of one event file."""
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            yield block


def gzipped(files: Iterable[Path]) -> Iterator[bytes]:
    """All event files, one after the other, in one gzip."""
    packer = zlib.compressobj(_GZIP_LEVEL, wbits=_GZIP_BITS)
    for file in files:
        for block in as_written(file):
            yield packer.compress(block)
    yield packer.flush()


def as_text(files: Iterable[Path]) -> Iterator[bytes]:
    """Time, level, phase and text of each event; further lines of a text are indented."""
    decoder = msgspec.json.Decoder(_Line)
    for file in files:
        for lines in _lines(file):
            shown = (_text(raw, decoder) for raw in lines)
            yield "".join(shown).encode("utf-8", "replace")


def _text(raw: bytes, decoder: msgspec.json.Decoder[_Line]) -> str:
    try:
        line = decoder.decode(raw)
    except msgspec.DecodeError:
        # Damaged on the disk: shown as it is, for a log with a hole would be worse.
        line = _Line(text=raw.decode("utf-8", "replace"))
    if line.end:
        lost = line.end == EndKind.LOST
        return "(the rest of this step's log was lost with its host)\n" if lost else ""
    text = line.text
    if line.diagnostic or line.truncated_bytes:
        text = full_text(text, line.diagnostic, line.truncated_bytes)
    return text_line(line.time, line.level, line.phase, text)


def _lines(file: Path) -> Iterator[list[bytes]]:
    """Complete lines, a block at a time; a torn last line is left out."""
    torn = b""
    for block in as_written(file):
        *lines, torn = (torn + block).split(_NEWLINE)
        yield lines
