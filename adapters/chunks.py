"""Chunks of events as every store keeps them."""

from deployments.events import EventChunk

__all__ = ["chunk_after", "has_end_record"]


def chunk_after(chunk: EventChunk, line: int) -> EventChunk:
    """What of a chunk lies behind a line."""
    if chunk.first > line:
        return chunk
    at = 0
    for _ in range(line - chunk.first + 1):
        at = chunk.data.index(b"\n", at) + 1
    return EventChunk(chunk.step, line + 1, chunk.last, chunk.data[at:])


def has_end_record(data: bytes) -> bool:
    """Whether the last line is the record that ends a step.

    It is `{"id":…,"end":…`; a text cannot look so, since its quotes are escaped.
    """
    last = data[:-1].rpartition(b"\n")[2]
    return last.partition(b",")[2].startswith(b'"end":')
