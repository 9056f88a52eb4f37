"""Server-Sent Events as bytes (DESIGN section 8, "Stream")."""

import json
from collections.abc import Iterator
from typing import Any

from deployments.events import EventId
from deployments.log_text import full_text

__all__ = ["frame", "log_frames"]

_MOST_LINES = 500
_MOST_BYTES = 64 * 1024


def frame(event: str, content: object, last: str = "") -> bytes:
    """One event; ASCII, so that no line of it can be cut inside a character."""
    text = json.dumps(content, separators=(",", ":"))
    head = f"id: {last}\n" if last else ""
    return f"{head}event: {event}\ndata: {text}\n\n".encode("ascii")


def _text(event: dict[str, Any]) -> str:
    text: str = event["text"]
    if "diagnostic" in event or "truncated_bytes" in event:
        return full_text(text, event.get("diagnostic"), event.get("truncated_bytes", 0))
    return text


def log_frames(data: bytes) -> Iterator[tuple[bytes, EventId]]:
    """Frames of at most 500 lines or 64 KiB, each with its last id.

    An end record moves the id on and is shown as no line.
    """
    lines: list[list[str]] = []
    size, last = 0, ""
    for raw in data.splitlines():
        if lines and (len(lines) >= _MOST_LINES or size + len(raw) > _MOST_BYTES):
            yield frame("log", {"lines": lines}, last), EventId.parse(last)
            lines, size = [], 0
        event = json.loads(raw)
        last = event["id"]
        size += len(raw)
        if "end" not in event:
            lines.append([last, event["time"], event["level"], _text(event)])
    if last:
        yield frame("log", {"lines": lines}, last), EventId.parse(last)
