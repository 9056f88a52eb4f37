"""From terraform's raw output to redacted events: a pure function of bytes.

The same spool always gives the same events with the same ids, so whoever goes on after a crash
writes exactly what the one before would have written. Nothing here reads a clock.
"""

import msgspec

from adapters.redaction import Redactor
from adapters.terraform.output.messages import Message, ProgressAccumulator, as_diagnostic, decode
from deployments.events import MAX_TEXT_BYTES, EndKind, Seal
from deployments.log_text import full_text

__all__ = ["LONGEST_LINE_BYTES", "LineSplitter", "Translator", "end_record"]

# Terraform prints a 1 MB output as one line; beyond this a line is kept as cut text, so that one
# line cannot fill the worker's memory.
LONGEST_LINE_BYTES = 16 * 1024 * 1024


class EventResource(msgspec.Struct, omit_defaults=True):
    """The resource an event speaks of."""

    address: str
    action: str = ""
    status: str = ""
    elapsed_seconds: float = 0
    id: str = ""


class EventDiagnostic(msgspec.Struct, omit_defaults=True):
    """The complaint an event carries."""

    severity: str
    summary: str
    detail: str = ""
    address: str = ""
    file: str = ""
    line: int = 0


class Event(msgspec.Struct, omit_defaults=True):
    """One line of the log (DESIGN section 6)."""

    id: str
    time: str
    level: str
    phase: str
    text: str
    resource: EventResource | None = None
    diagnostic: EventDiagnostic | None = None
    truncated_bytes: int = 0


_STATUS = {
    "apply_start": "running",
    "apply_progress": "running",
    "apply_complete": "done",
    "apply_errored": "failed",
}
_STATE_KEPT = " (not shown: it holds every secret; kept for operators)"
_LEVELS = {"error": "error", "warn": "warn"}


class LineSplitter:
    """Cuts bytes into lines; keeps at most `LONGEST_LINE_BYTES` of each."""

    def __init__(self) -> None:
        self._tail = b""
        self._dropped = 0

    def split(self, data: bytes) -> list[tuple[bytes, int]]:
        """Complete lines without their newline, each with the number of bytes dropped from it."""
        if b"\n" not in data:
            self._keep(data)
            return []
        head, *lines = data.split(b"\n")
        rest = lines.pop()
        self._keep(head)
        done = [(self._tail, self._dropped)]
        self._tail, self._dropped = b"", 0
        done.extend(
            (line[:LONGEST_LINE_BYTES], max(0, len(line) - LONGEST_LINE_BYTES)) for line in lines
        )
        self._keep(rest)
        return done

    def flush(self) -> list[tuple[bytes, int]]:
        """The last line, when nothing ended it."""
        if not self._tail:
            return []
        done = [(self._tail, self._dropped)]
        self._tail, self._dropped = b"", 0
        return done

    def _keep(self, data: bytes) -> None:
        room = LONGEST_LINE_BYTES - len(self._tail)
        self._tail += data[:room]
        self._dropped += max(0, len(data) - room)


class Translator:
    """Makes the events of one step.

    Args:
        step: its number, the first half of every id.
        phase: as it stands in every event.
        started_at: the time of a line that carries none and has no line with one before it.
        redactor: takes secrets out of every text before it becomes an event.
    """

    def __init__(self, step: int, phase: str, started_at: str, redactor: Redactor) -> None:
        self._prefix = f"{step}-"
        self.phase = phase
        self._time = started_at
        self._redactor = redactor
        self._splitter = LineSplitter()
        self._encoder = msgspec.json.Encoder()
        self.accumulator = ProgressAccumulator(redactor.clean)
        self.lines = 0

    def translate(self, data: bytes, *, final: bool = False) -> list[bytes]:
        """The events of what terraform wrote next, one JSON object each, without newline.

        Args:
            data: the next bytes of the spool, cut anywhere.
            final: nothing follows, so a last line without newline counts.
        """
        lines = self._splitter.split(data)
        if final:
            lines += self._splitter.flush()
        block = b"\n".join(line for line, _ in lines)
        # Redaction is exact by line; the search over the whole block saves it where no secret is.
        careful = self._redactor.touches(block)
        encode = self._encoder.encode
        return [encode(self._event(line, dropped, careful=careful)) for line, dropped in lines]

    def _event(self, line: bytes, dropped: int, *, careful: bool) -> Event:
        self.lines += 1
        message = decode(line) if not dropped else None
        if message is None:
            text = line.decode("utf-8", "replace")
            return self._finish(Event(self._id(), self._time, "info", self.phase, text), dropped)
        self._time = message.time or self._time
        self.accumulator.add(message)
        if message.state:
            message.text += _STATE_KEPT
        event = Event(
            self._id(),
            self._time,
            _LEVELS.get(message.level, "info"),
            self.phase,
            message.text,
            _resource(message),
            _diagnostic(message),
        )
        if careful or event.diagnostic is not None or len(event.text) > MAX_TEXT_BYTES // 4:
            return self._finish(event, dropped)
        return event

    def _id(self) -> str:
        return f"{self._prefix}{self.lines}"

    def _finish(self, event: Event, dropped: int) -> Event:
        """Redact, then cut: a cut through a secret would hide it from the redactor."""
        clean = self._redactor.clean
        event.text, cut = _cut(clean(event.text))
        event.truncated_bytes = cut + dropped
        if event.resource is not None:
            event.resource.address = clean(event.resource.address)
            event.resource.id = clean(event.resource.id)
        if event.diagnostic is not None:
            event.diagnostic.summary = _marked(clean(event.diagnostic.summary))
            event.diagnostic.detail = _marked(clean(event.diagnostic.detail))
            event.diagnostic.address = clean(event.diagnostic.address)
        return event


def end_record(seal: Seal) -> bytes:
    """The last event of a step, without newline; it stands on line `lines + 1`."""
    return msgspec.json.encode(
        {
            "id": f"{seal.step}-{seal.lines + 1}",
            "end": str(EndKind(seal.end)),
            "lines": seal.lines,
            "sha256": seal.sha256,
        }
    )


def _resource(message: Message) -> EventResource | None:
    hook = message.hook
    if hook is not None and hook.resource is not None:
        return EventResource(
            hook.resource.addr,
            hook.action,
            _STATUS.get(message.type, ""),
            hook.elapsed_seconds,
            hook.id_value or "",
        )
    change = message.change
    if change is not None and change.resource is not None:
        return EventResource(change.resource.addr, change.action, "planned")
    return None


def _diagnostic(message: Message) -> EventDiagnostic | None:
    if message.diagnostic is None:
        return None
    one = as_diagnostic(message.diagnostic)
    return EventDiagnostic(one.severity, one.summary, one.detail, one.address, one.file, one.line)


def _marked(text: str) -> str:
    """Cut like a text, with the mark in it: a diagnostic has no field for what went."""
    kept, cut = _cut(text)
    return full_text(kept, None, cut)


def _cut(text: str) -> tuple[str, int]:
    """At most `MAX_TEXT_BYTES` of UTF-8, never through a character; how many bytes went."""
    if len(text) <= MAX_TEXT_BYTES // 4:
        return text, 0
    raw = text.encode("utf-8", "replace")
    if len(raw) <= MAX_TEXT_BYTES:
        return text, 0
    kept = raw[:MAX_TEXT_BYTES].decode("utf-8", "ignore")
    return kept, len(raw) - len(kept.encode())
