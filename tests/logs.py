"""Logs as tests make them: lines that only their ids tell apart, and their seals."""

import hashlib

from adapters.terraform.output.events import end_record
from deployments.events import EndKind, EventChunk, EventId, Seal

__all__ = ["START", "chunk", "sealed"]

START = EventId(0, 0)


def chunk(step: int, first: int, last: int) -> EventChunk:
    lines = (b'{"id":"%d-%d","text":"x"}\n' % (step, line) for line in range(first, last + 1))
    return EventChunk(step, first, last, b"".join(lines))


def sealed(step: int, lines: int) -> tuple[Seal, EventChunk]:
    """A seal, and the chunk that holds the end record."""
    sha256 = hashlib.sha256(chunk(step, 1, lines).data).hexdigest()
    seal = Seal(step, EndKind.COMPLETE, lines, sha256)
    return seal, EventChunk(step, lines + 1, lines + 1, end_record(seal) + b"\n")
