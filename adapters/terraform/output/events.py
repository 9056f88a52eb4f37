"""Translates terraform's raw output into redacted events: a pure function of bytes.

The same spool always yields the same events with the same ids, so a worker that resumes after a
crash writes exactly the lines of the worker before. Nothing here reads a clock.
"""

import re
from typing import Any, NotRequired, TypeAlias, get_args, get_origin, get_type_hints

import msgspec

from adapters.private_key_lines import PrivateKeyLines
from adapters.redaction import Redactor
from adapters.terraform.output.messages import Message, as_diagnostic, decode
from adapters.terraform.output.progress import ProgressAccumulator
from deployments.events import MAX_TEXT_BYTES, Event, EventDiagnostic, EventResource
from deployments.log_text import with_cut_mark

__all__ = ["MAX_LINE_BYTES", "LineSplitter", "Translator"]

# Terraform prints a 1 MB output on a single line. A longer line than this is cut, so that no line
# fills the worker's memory.
MAX_LINE_BYTES = 16 * 1024 * 1024


# A class made at run time has no fields that a type checker could see.
_Struct: TypeAlias = Any


def _struct(shape: type) -> _Struct:
    """Make a struct class with the fields of a TypedDict; JSON omits empty optional fields.

    msgspec encodes a struct in 0.23 µs and the dict in 0.30 µs: with dicts, translating a spool
    takes 6 % longer (measured).
    """
    empty: dict[object, object] = {str: "", int: 0, float: 0}
    fields: list[tuple[Any, ...]] = []
    for name, hint in get_type_hints(shape, include_extras=True).items():
        if get_origin(hint) is NotRequired:
            (kind,) = get_args(hint)
            fields.append((name, kind, empty.get(kind)))
        else:
            fields.append((name, hint))
    struct: _Struct = msgspec.defstruct(shape.__name__, fields, omit_defaults=True)
    return struct


_Event, _Resource, _Diagnostic = _struct(Event), _struct(EventResource), _struct(EventDiagnostic)

_STATUS = {
    "apply_start": "running",
    "apply_progress": "running",
    "apply_complete": "done",
    "apply_errored": "failed",
}
# Instead of the message's text, whose absence would leave the whole line.
_STATE_PRINTED = "Emergency state dump (not shown: it holds every secret; kept for operators)"
# A crash of a program in Go, printed without JSON: a panic, an error of the runtime, or a signal.
# Terraform's report of a crashed provider has the same line.
_CRASH = re.compile(r"panic: |fatal error: |SIG[A-Z]+: ")
_MAX_CRASH = 300
# The text of the message with all outputs; its type is at the end, which a cut line lacks.
_OUTPUTS = "Outputs: "
_LEVELS = {"error": "error", "warn": "warn"}


class LineSplitter:
    """Splits bytes into lines; retains at most `MAX_LINE_BYTES` of each."""

    def __init__(self) -> None:
        self._tail = b""
        self._dropped = 0

    def split(self, data: bytes) -> list[tuple[bytes, int]]:
        """Complete lines without newline, each with the number of bytes dropped from it."""
        if b"\n" not in data:
            self._extend(data)
            return []
        head, *lines = data.split(b"\n")
        rest = lines.pop()
        self._extend(head)
        complete = [(self._tail, self._dropped)]
        self._tail, self._dropped = b"", 0
        complete.extend(
            (line[:MAX_LINE_BYTES], max(0, len(line) - MAX_LINE_BYTES)) for line in lines
        )
        self._extend(rest)
        return complete

    def flush(self) -> list[tuple[bytes, int]]:
        """The last line, when no newline ends the line."""
        if not self._tail:
            return []
        complete = [(self._tail, self._dropped)]
        self._tail, self._dropped = b"", 0
        return complete

    def _extend(self, data: bytes) -> None:
        room = MAX_LINE_BYTES - len(self._tail)
        self._tail += data[:room]
        self._dropped += max(0, len(data) - room)


class Translator:
    """Makes the events of a step.

    Args:
        step: the step's number, the first half of every id.
        phase: the `phase` of every event.
        started_at: the time of lines before the first line with a timestamp.
        redactor: removes secrets from every text before an event is made of it.
    """

    def __init__(self, step: int, phase: str, started_at: str, redactor: Redactor) -> None:
        self._prefix = f"{step}-"
        self.phase = phase
        self._time = started_at
        self._redactor = redactor
        self._splitter = LineSplitter()
        self._keys = PrivateKeyLines()
        self._encoder = msgspec.json.Encoder()
        self.accumulator = ProgressAccumulator(redactor.clean)
        self.lines = 0
        self.crash = ""

    def translate(self, data: bytes, *, final: bool = False) -> list[bytes]:
        """Translate the next bytes of the spool into events: JSON objects without newline.

        Args:
            data: the next bytes of the spool, cut anywhere.
            final: no bytes follow, so a last line without newline is complete.
        """
        lines = self._splitter.split(data)
        if final:
            lines += self._splitter.flush()
        block = b"\n".join(line for line, _ in lines)
        # Redaction works per line; a search over the block skips it where there is no secret.
        careful = self._redactor.touches(block) or self._keys.is_inside
        encode = self._encoder.encode
        return [encode(self._event(line, dropped, careful=careful)) for line, dropped in lines]

    def notice(self, line: int, text: str) -> bytes:
        """An event of this service in place of the line with this number."""
        event = _Event(f"{self._prefix}{line}", self._time, "warn", self.phase, text)
        encoded: bytes = self._encoder.encode(event)
        return encoded

    def _event(self, line: bytes, dropped: int, *, careful: bool) -> _Struct:
        self.lines += 1
        message = decode(line)
        if message is None:
            text = line.decode("utf-8", "replace")
            event = _Event(self._id(), self._time, "info", self.phase, text)
            self._finish(event, dropped)
            if not self.crash and _CRASH.match(text):
                self.crash = event.text[:_MAX_CRASH]
            return event
        self._time = message.time or self._time
        self.accumulator.add(message)
        if dropped and message.text.startswith(_OUTPUTS):
            self.accumulator.add_cut_outputs()
        if message.state:
            message.text = _STATE_PRINTED
        event = _Event(
            self._id(),
            self._time,
            _LEVELS.get(message.level, "info"),
            self.phase,
            message.text,
            _resource(message),
            _diagnostic(message),
        )
        long = len(event.text) > MAX_TEXT_BYTES // 4
        if careful or dropped or long or event.diagnostic is not None:
            return self._finish(event, dropped)
        return event

    def _id(self) -> str:
        return f"{self._prefix}{self.lines}"

    def _finish(self, event: _Struct, dropped: int) -> _Struct:
        """Redact, then cut: a cut through a secret would hide the secret from the redactor."""
        clean = self._redactor.clean
        event.text, cut = _cut(clean(self._keys.hide(event.text)))
        event.truncated_bytes = cut + dropped
        if event.resource is not None:
            event.resource.address = _marked(clean(event.resource.address))
            event.resource.id = _marked(clean(event.resource.id))
        if event.diagnostic is not None:
            event.diagnostic.summary = _marked(clean(event.diagnostic.summary))
            event.diagnostic.detail = _marked(clean(event.diagnostic.detail))
            event.diagnostic.address = _marked(clean(event.diagnostic.address))
        return event


def _resource(message: Message) -> _Struct:
    hook = message.hook
    if hook is not None and hook.resource is not None and hook.resource.addr:
        return _Resource(
            hook.resource.addr,
            hook.action,
            _STATUS.get(message.type, ""),
            hook.elapsed_seconds,
            hook.id_value or "",
        )
    change = message.change
    if change is not None and change.resource is not None and change.resource.addr:
        return _Resource(change.resource.addr, change.action, "planned")
    return None


def _diagnostic(message: Message) -> _Struct:
    if message.diagnostic is None:
        return None
    raw = as_diagnostic(message.diagnostic, message.level)
    return _Diagnostic(raw.severity, raw.summary, raw.detail, raw.address, raw.file, raw.line)


def _marked(text: str) -> str:
    """Cut like a text, with the mark inside: only the text has a field for the cut bytes."""
    return with_cut_mark(*_cut(text))


def _cut(text: str) -> tuple[str, int]:
    """At most `MAX_TEXT_BYTES` of UTF-8 in whole characters, and the number of bytes cut."""
    if len(text) <= MAX_TEXT_BYTES // 4:
        return text, 0
    raw = text.encode("utf-8", "replace")
    if len(raw) <= MAX_TEXT_BYTES:
        return text, 0
    cut = raw[:MAX_TEXT_BYTES].decode("utf-8", "ignore")
    return cut, len(raw) - len(cut.encode())
