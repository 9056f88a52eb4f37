"""The log as structured JSON on a stream, as Cloud Logging reads it.

Field names: https://cloud.google.com/logging/docs/structured-logging#structured_logging_special_fields
and https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry
"""

import hashlib
from typing import IO, Any

import msgspec

from adapters.thread_pool import ThreadPool
from deployments.events import EventChunk, EventId, Seal

__all__ = ["ConsoleLogSink"]

_SEVERITY = {"debug": "DEBUG", "info": "INFO", "warn": "WARNING", "error": "ERROR"}
_PRODUCER = "anava-deploy"
# https://cloud.google.com/logging/quotas: an entry has 256 KB at most; the rest is its envelope.
_MOST_BYTES = 200_000
_PASSED_ON = ("phase", "resource", "diagnostic", "truncated_bytes", "end", "lines", "sha256")


class ConsoleLogSink:
    """At least once: after a crash lines may come again, with the same `insertId`.

    Args:
        stream: where to.
        project: of the traces by which Logs Explorer shows one deployment; none without.
    """

    name = "console"
    chunk_bytes = 256 * 1024
    gather_seconds = 0.0

    def __init__(self, stream: IO[bytes], project: str | None = None) -> None:
        self._stream = stream
        self._project = project
        # One: lines of two steps must not mix, and a reader who stopped holds up one thread.
        self._threads = ThreadPool("console", 1)

    async def generation(self) -> str:
        """Port `LogSink`; what was read by others is theirs."""
        return ""

    async def write(self, deployment: str, chunk: EventChunk) -> int:
        """Port `LogSink`."""
        await self._threads.run(self._put, deployment, chunk)
        return chunk.last

    async def seal(self, deployment: str, seal: Seal) -> int:
        """Port `LogSink`; the end record is the last line of the last chunk."""
        return seal.lines + 1

    def _put(self, deployment: str, chunk: EventChunk) -> None:
        lines = chunk.data.split(b"\n")[:-1]
        trace = self._trace(deployment)
        for number, line in enumerate(lines, chunk.first):
            at = EventId(chunk.step, number)
            self._stream.write(_encoded(_entry(deployment, at, line) | trace))
        self._stream.flush()

    def _trace(self, deployment: str) -> dict[str, str]:
        if not self._project:
            return {}
        # A trace's id has 32 hexadecimal digits, ours has letters.
        trace = hashlib.sha256(deployment.encode()).hexdigest()[:32]
        return {"logging.googleapis.com/trace": f"projects/{self._project}/traces/{trace}"}


def _entry(deployment: str, at: EventId, line: bytes) -> dict[str, Any]:
    event = _event(line)
    ends = "end" in event
    text = f"end of step {at.step}: {event['end']}" if ends else event.get("text", "")
    entry = {
        "severity": _SEVERITY.get(event.get("level", "info"), "DEFAULT"),
        "message": text,
        "time": event.get("time"),
        # Entries of one moment are ordered by it, as text.
        "logging.googleapis.com/insertId": f"{deployment}.{at.step:010}-{at.line:010}",
        "logging.googleapis.com/labels": {"deployment": deployment, "event": str(at)},
        "logging.googleapis.com/operation": {
            "id": f"{deployment}/{at.step}",
            "producer": _PRODUCER,
            "first": at.line == 1,
            "last": ends,
        },
    }
    entry |= {name: event[name] for name in _PASSED_ON if name in event}
    return {name: one for name, one in entry.items() if one is not None}


def _event(line: bytes) -> dict[str, Any]:
    """An event; a line that is damaged is shown as it is."""
    try:
        found = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        found = None
    if isinstance(found, dict):
        return found
    return {"level": "unknown", "text": line.decode("utf-8", "replace")}


def _encoded(entry: dict[str, Any]) -> bytes:
    """One line; a text that is too long for an entry is cut, for the log itself has all of it."""
    found = msgspec.json.encode(entry)
    while len(found) > _MOST_BYTES:
        entry.pop("diagnostic", None)
        entry["message"] = str(entry["message"])[: len(str(entry["message"])) // 2]
        entry["cut"] = True
        found = msgspec.json.encode(entry)
    return found + b"\n"
