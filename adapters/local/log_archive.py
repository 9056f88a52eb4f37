"""The event files of a deployment as artifacts: as written, as gzip and as text.

All are streams of blocks, so the memory for a million lines is that of a block. The same event
files always yield the same bytes.
"""

import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from deployments.events import Event, is_end_record
from deployments.log_text import hole_line, text_line

__all__ = ["as_text", "as_written", "gzipped"]

_BLOCK_BYTES = 1024 * 1024
_NEWLINE = b"\n"

# A gzip header without name, time and system (RFC 1952): equal logs yield equal files.
_GZIP_BITS = 16 + zlib.MAX_WBITS
_GZIP_LEVEL = 1


def as_written(file: Path) -> Iterator[bytes]:
    """The bytes of an event file."""
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            yield block


def gzipped(files: Iterable[Path]) -> Iterator[bytes]:
    """All event files in sequence, as a single gzip."""
    packer = zlib.compressobj(_GZIP_LEVEL, wbits=_GZIP_BITS)
    for file in files:
        for block in as_written(file):
            yield packer.compress(block)
    yield packer.flush()


def as_text(files: Iterable[Path]) -> Iterator[bytes]:
    """Time, level, phase and text of each event; the further lines of a text are indented."""
    decoder = msgspec.json.Decoder(Event)
    for file in files:
        for lines in _lines(file):
            yield "".join(_text(line, decoder) for line in lines).encode("utf-8", "replace")


def _text(line: bytes, decoder: msgspec.json.Decoder[Event]) -> str:
    if is_end_record(line):
        return hole_line(line)
    try:
        event = decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # A line damaged on disk appears as is: a log with a gap would be worse.
        text = line.decode("utf-8", "replace")
        event = Event(id="", time="", level="", phase="", text=text)
    return text_line(event)


def _lines(file: Path) -> Iterator[list[bytes]]:
    """The complete lines of each block; a torn last line is omitted."""
    torn = b""
    for block in as_written(file):
        *lines, torn = (torn + block).split(_NEWLINE)
        yield lines
