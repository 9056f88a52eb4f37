"""Writes the log to a stream as structured JSON for Cloud Logging.

Field names: https://cloud.google.com/logging/docs/structured-logging#structured_logging_special_fields
and https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry
"""

import hashlib
from typing import IO, Any

import msgspec

from adapters.thread_pool import ThreadPool
from deployments.events import EndRecord, EventChunk, EventId, is_end_record
from deployments.log_text import hole_line

__all__ = ["ConsoleLogSink"]

_SEVERITY = {"debug": "DEBUG", "info": "INFO", "warn": "WARNING", "error": "ERROR"}
_PRODUCER = "anava-deploy"
# https://cloud.google.com/logging/quotas: an entry has at most 256 KB, envelope included.
_MAX_BYTES = 200_000
# Fields of the log line that the entry copies; a damaged line may hold fields of Cloud Logging.
_COPIED = (
    *("phase", "resource", "diagnostic", "truncated_bytes"),
    *("end", "lines", "sha256", "missing_lines", "missing_after", "cause"),
)


class ConsoleLogSink:
    """Delivers at least once: a line repeated after a crash has the same `insertId`.

    Args:
        stream: receives a JSON entry a line.
        project: Google project of the traces that group the entries of a deployment in Logs
            Explorer; without a project entries have no trace.
    """

    name = "console"
    chunk_bytes = 256 * 1024
    gather_seconds = 0.0

    def __init__(self, stream: IO[bytes], project: str | None = None) -> None:
        self._stream = stream
        self._project = project
        # One thread: lines of two steps must not mix, and a blocked stream blocks a single thread.
        self._threads = ThreadPool("console", 1)

    async def generation(self) -> str:
        """Constant: a stream has no contents to lose."""
        return ""

    async def write(self, deployment: str, chunk: EventChunk) -> int:
        await self._threads.run(self._put, deployment, chunk)
        return chunk.last

    async def seal(self, deployment: str, record: EndRecord) -> int:
        """Write nothing: the end record is the last line of the last chunk."""
        return record.id.line

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
        # A trace id has 32 hexadecimal digits; a deployment id is base32.
        trace = hashlib.sha256(deployment.encode()).hexdigest()[:32]
        return {"logging.googleapis.com/trace": f"projects/{self._project}/traces/{trace}"}


def _entry(deployment: str, at: EventId, line: bytes) -> dict[str, Any]:
    event = _fields(line)
    ends = is_end_record(line)
    hole = hole_line(line).rstrip() if ends else ""
    end = f"end of step {at.step}: {event['end']} {hole}".rstrip() if ends else ""
    entry = {
        "severity": "WARNING" if hole else _SEVERITY.get(event.get("level", "info"), "DEFAULT"),
        "message": end or event.get("text", ""),
        "time": event.get("time"),
        # Logs Explorer orders entries with the same time by this text.
        "logging.googleapis.com/insertId": f"{deployment}.{at.step:010}-{at.line:010}",
        "logging.googleapis.com/labels": {"deployment": deployment, "event": str(at)},
        "logging.googleapis.com/operation": {
            "id": f"{deployment}/{at.step}",
            "producer": _PRODUCER,
            "first": at.line == 1,
            "last": ends,
        },
    }
    entry |= {name: event[name] for name in _COPIED if name in event}
    return {name: value for name, value in entry.items() if value is not None}


def _fields(line: bytes) -> dict[str, Any]:
    """The fields of a line; a damaged line becomes the text of an event without a known level."""
    try:
        content = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        content = None
    if isinstance(content, dict):
        return content
    return {"level": "unknown", "text": line.decode("utf-8", "replace")}


def _encoded(entry: dict[str, Any]) -> bytes:
    """Encode an entry as a line; the message is cut to fit, the log itself holds it whole."""
    data = msgspec.json.encode(entry)
    while len(data) > _MAX_BYTES:
        entry.pop("diagnostic", None)
        entry["message"] = str(entry["message"])[: len(str(entry["message"])) // 2]
        entry["cut"] = True
        data = msgspec.json.encode(entry)
    return data + b"\n"
