"""The log as structured JSON on a stream, as Cloud Logging reads it."""

from typing import IO

import msgspec

from adapters.threads import Threads
from deployments.events import EventChunk, Seal

__all__ = ["ConsoleLogSink"]

# https://cloud.google.com/logging/docs/structured-logging#structured_logging_special_fields
_SEVERITY = {"info": "INFO", "warn": "WARNING", "error": "ERROR"}


class ConsoleLogSink:
    """At least once: after a crash lines may come again, with the same `insertId`."""

    name = "console"
    chunk_bytes = 256 * 1024
    gather_seconds = 0.0

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        # One: lines of two segments must not mix, and a reader who stopped holds up one thread.
        self._threads = Threads("console", 1)

    async def generation(self) -> str:
        """Port `LogSink`; what was read by others is theirs."""
        return ""

    async def write(self, deployment: str, chunk: EventChunk) -> int:
        """Port `LogSink`."""
        entries = [_entry(deployment, line) for line in chunk.data.splitlines()]
        await self._threads.run(self._put, b"".join(entries))
        return chunk.last

    async def seal(self, deployment: str, seal: Seal) -> int:
        """Port `LogSink`; the end record is the last line of the last chunk."""
        return seal.lines + 1

    def _put(self, data: bytes) -> None:
        self._stream.write(data)
        self._stream.flush()


def _entry(deployment: str, line: bytes) -> bytes:
    event = msgspec.json.decode(line)
    text = event.get("text", f"end of segment: {event.get('end')}")
    entry = {
        "severity": _SEVERITY.get(event.get("level", "info"), "DEFAULT"),
        "message": text,
        "time": event.get("time"),
        "logging.googleapis.com/insertId": f"{deployment}.{event['id']}",
        "logging.googleapis.com/labels": {"deployment": deployment, "event": event["id"]},
        "logging.googleapis.com/operation": {"id": deployment, "producer": "anava-deploy"},
        "phase": event.get("phase"),
    }
    for name in ("resource", "diagnostic", "end", "lines", "sha256"):
        if name in event:
            entry[name] = event[name]
    return msgspec.json.encode({key: one for key, one in entry.items() if one is not None}) + b"\n"
