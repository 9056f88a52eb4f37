"""Encodes events for viewers, as Server-Sent Events and WebSocket messages."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from deployments.events import EventId, decode_event, is_end_record
from deployments.log_text import full_text, hole_line

__all__ = ["Frame", "frame", "lines_after", "log_frames"]

_MAX_LINES = 500
_MAX_BYTES = 64 * 1024
_DATA = b"\ndata: "


@dataclass(frozen=True)
class Frame:
    """An event, encoded once for all viewers. The last line of a frame of the log is `last`."""

    event: str
    sse: bytes
    last: EventId | None = None

    @cached_property
    def message(self) -> str:
        """The text of a WebSocket message; encoded at the first use."""
        id = f'"id":"{self.last}",' if self.last else ""
        return f'{{"event":"{self.event}",{id}"data":{self.content}}}'

    @property
    def content(self) -> str:
        """The data, as JSON."""
        return self.sse.partition(_DATA)[2].rstrip().decode("ascii")


def frame(event: str, content: object, last: EventId | None = None) -> Frame:
    """Encode an event, in ASCII: no cut can fall inside a character."""
    text = json.dumps(content, separators=(",", ":"))
    head = f"id: {last}\n" if last else ""
    return Frame(event, f"{head}event: {event}\ndata: {text}\n\n".encode("ascii"), last)


def log_frames(data: bytes) -> Iterator[tuple[Frame, EventId]]:
    """Encode lines as frames of at most 500 lines or 64 KiB, each with the last id.

    An end record advances the id; only that of a log with a hole is a line of the frame.
    """
    lines: list[list[str]] = []
    size, last = 0, ""
    for raw in data.splitlines():
        if lines and (len(lines) >= _MAX_LINES or size + len(raw) > _MAX_BYTES):
            yield _log(lines, last)
            lines, size = [], 0
        event = decode_event(raw)
        last = event["id"]
        size += len(raw)
        if not is_end_record(raw):
            lines.append([last, event["time"], event["level"], full_text(event)])
        elif hole := hole_line(raw):
            lines.append([last, "", "warn", hole.rstrip("\n")])
    if last:
        yield _log(lines, last)


def lines_after(whole: Frame, cursor: EventId) -> Frame:
    """The frame with the lines after a cursor that is inside a frame of the log."""
    lines = json.loads(whole.content)["lines"]
    rest = [line for line in lines if EventId.parse(line[0]) > cursor]
    return frame("log", {"lines": rest}, whole.last)


def _log(lines: list[list[str]], last: str) -> tuple[Frame, EventId]:
    at = EventId.parse(last)
    return frame("log", {"lines": lines}, at), at
