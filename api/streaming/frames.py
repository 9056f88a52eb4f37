"""What a viewer is sent, encoded (DESIGN section 8, "Stream"): Server-Sent Events and messages."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from deployments.events import EventId
from deployments.log_text import full_text

__all__ = ["Frame", "frame", "lines_after", "log_frames"]

_MOST_LINES = 500
_MOST_BYTES = 64 * 1024
_DATA = b"\ndata: "


@dataclass(frozen=True)
class Frame:
    """One event, encoded once for all who are sent it.

    A frame of the log holds the lines behind some id up to `last`.
    """

    event: str
    sse: bytes
    last: EventId | None = None

    @cached_property
    def message(self) -> str:
        """As a WebSocket's text frame has it; made where somebody asks for it."""
        id = f'"id":"{self.last}",' if self.last else ""
        return f'{{"event":"{self.event}",{id}"data":{self.content}}}'

    @property
    def content(self) -> str:
        """The data, as JSON."""
        return self.sse.partition(_DATA)[2].rstrip().decode("ascii")


def frame(event: str, content: object, last: EventId | None = None) -> Frame:
    """One event; ASCII, so that no line of it can be cut inside a character."""
    text = json.dumps(content, separators=(",", ":"))
    head = f"id: {last}\n" if last else ""
    return Frame(event, f"{head}event: {event}\ndata: {text}\n\n".encode("ascii"), last)


def log_frames(data: bytes) -> Iterator[tuple[Frame, EventId]]:
    """Frames of at most 500 lines or 64 KiB, each with its last id.

    An end record moves the id on and is shown as no line.
    """
    lines: list[list[str]] = []
    size, last = 0, ""
    for raw in data.splitlines():
        if lines and (len(lines) >= _MOST_LINES or size + len(raw) > _MOST_BYTES):
            yield _log(lines, last)
            lines, size = [], 0
        event = json.loads(raw)
        last = event["id"]
        size += len(raw)
        if "end" not in event:
            lines.append([last, event["time"], event["level"], _text(event)])
    if last:
        yield _log(lines, last)


def lines_after(whole: Frame, cursor: EventId) -> Frame:
    """What of a frame of the log lies behind a cursor that stands inside of it."""
    lines = json.loads(whole.content)["lines"]
    behind = [line for line in lines if EventId.parse(line[0]) > cursor]
    return frame("log", {"lines": behind}, whole.last)


def _log(lines: list[list[str]], last: str) -> tuple[Frame, EventId]:
    at = EventId.parse(last)
    return frame("log", {"lines": lines}, at), at


def _text(event: dict[str, Any]) -> str:
    text: str = event["text"]
    if "diagnostic" in event or "truncated_bytes" in event:
        return full_text(text, event.get("diagnostic"), event.get("truncated_bytes", 0))
    return text
