"""A step's log: events, the end record, their ids, and the JSON lines that hold them.

The fields of a log line and the bytes of an end record are defined here alone.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count, takewhile
from typing import NotRequired, Self, TypedDict

from deployments.errors import FieldProblem, InvalidRequest
from deployments.open_enum import OpenEnum

__all__ = [
    "LIMIT_NOTICE",
    "MAX_TEXT_BYTES",
    "EndKind",
    "EndRecord",
    "Event",
    "EventChunk",
    "EventDiagnostic",
    "EventId",
    "EventResource",
    "chunk_after",
    "decode_event",
    "is_end_record",
    "last_end_record",
    "limit_notice",
    "steps_in_order",
]

# An event must fit every store: a Firestore document holds at most 1 MiB.
MAX_TEXT_BYTES = 256 * 1024

# The beginning of the text of the last event of a log that reached its limit.
LIMIT_NOTICE = "log_limit_reached: "

# Stores that sort text pad each number to 10 digits.
_MAX_DIGITS = 10


@dataclass(frozen=True, order=True)
class EventId:
    """`<step>-<line>`, ordered as a pair of integers; lines count from 1.

    Line 0 is a cursor before the first line of a step; no event has this id.
    """

    step: int
    line: int

    def __str__(self) -> str:
        return f"{self.step}-{self.line}"

    @classmethod
    def parse(cls, text: str, pointer: str = "/after") -> Self:
        """Parse an id from a client; `pointer` is the field that an error names.

        Raises:
            InvalidRequest: the text is not two decimal numbers below 10^10 with a hyphen between.
        """
        left, hyphen, right = text.partition("-")
        digits = left.isascii() and right.isascii() and left.isdigit() and right.isdigit()
        if not (hyphen and digits and max(len(left), len(right)) <= _MAX_DIGITS):
            raise InvalidRequest(
                "An event id looks like 3-42.",
                FieldProblem(pointer, "event_id", "Use an id that this log sent, like 3-42."),
            )
        return cls(int(left), int(right))


class EventResource(TypedDict):
    """The resource that an event is about."""

    address: str
    action: NotRequired[str]
    status: NotRequired[str]
    elapsed_seconds: NotRequired[float]
    id: NotRequired[str]


class EventDiagnostic(TypedDict):
    """An error or warning of terraform; `file` and `line` are a place in the template."""

    severity: str
    summary: str
    detail: NotRequired[str]
    address: NotRequired[str]
    file: NotRequired[str]
    line: NotRequired[int]


class Event(TypedDict):
    """A line of the log; the fields have the order of the JSON.

    An empty optional field is absent.
    """

    id: str
    time: str
    level: str
    phase: str
    text: str
    resource: NotRequired[EventResource]
    diagnostic: NotRequired[EventDiagnostic]
    truncated_bytes: NotRequired[int]


@dataclass(frozen=True)
class EventChunk:
    """Consecutive events of a step, as bytes of the event file.

    `data` holds lines `first` to `last`: a JSON event a line, each ended by a newline.
    """

    step: int
    first: int
    last: int
    data: bytes

    @property
    def id(self) -> EventId:
        """The id of the last event."""
        return EventId(self.step, self.last)


class EndKind(OpenEnum):
    """How the log of a step ends.

    complete: every line that terraform wrote is an event.
    incomplete: lines are missing for a cause on the host, such as a full disk.
    limited: lines are missing because the log reached a configured limit.
    lost: the host was lost with the rest of the log; another host wrote the record.
    not_started: the step has a number, but terraform never started.
    unknown: another release wrote the record.
    """

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    LIMITED = "limited"
    LOST = "lost"
    NOT_STARTED = "not_started"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class EndRecord:
    """The last event of a step. Every copy of the log can be verified against this record.

    `sha256` is the hash of the event file's first `lines` lines as written; the record itself
    is line `lines + 1`. A log with a hole lacks `missing_lines` lines of terraform (0: the number
    is unknown) after its line `missing_after`, and `cause` is the reason: at most 500 characters.
    """

    step: int
    end: EndKind
    lines: int
    sha256: str
    missing_lines: int = 0
    missing_after: int = 0
    cause: str = ""

    @property
    def id(self) -> EventId:
        """The id of the record in the log."""
        return EventId(self.step, self.lines + 1)

    @property
    def fields(self) -> dict[str, str | int]:
        """The JSON fields other than the id; those of a hole only where they have a value."""
        hole: dict[str, str | int] = {
            "missing_lines": self.missing_lines,
            "missing_after": self.missing_after,
            "cause": self.cause,
        }
        return {
            "end": str(self.end),
            "lines": self.lines,
            "sha256": self.sha256,
            **{name: value for name, value in hole.items() if value},
        }

    @property
    def has_hole(self) -> bool:
        """Whether the log lacks lines that terraform wrote."""
        return self.end not in {EndKind.COMPLETE, EndKind.NOT_STARTED}

    @classmethod
    def from_fields(cls, content: object) -> Self:
        """Validate decoded JSON with a `step` or, as in the log, an `id`.

        Raises:
            ValueError: a field is missing or has another type.
        """
        fields = content if isinstance(content, dict) else {}
        step, lines, sha256 = fields.get("step"), fields.get("lines"), fields.get("sha256")
        end = fields.get("end")
        if "id" in fields:
            step = int(str(fields["id"]).partition("-")[0])
        if not (isinstance(end, str) and isinstance(sha256, str)):
            raise ValueError("not an end record")  # noqa: TRY004 - bad JSON, as json.loads reports
        if not (isinstance(step, int) and isinstance(lines, int)):
            raise ValueError("not an end record")  # noqa: TRY004 - bad JSON, as json.loads reports
        return cls(
            step,
            EndKind(end),
            lines,
            sha256,
            _number(fields.get("missing_lines")),
            _number(fields.get("missing_after")),
            str(fields.get("cause", "")),
        )

    def encode(self) -> bytes:
        """The record as a line of the log, newline included."""
        content = {"id": str(self.id), **self.fields}
        return json.dumps(content, separators=(",", ":")).encode() + b"\n"


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def decode_event(line: bytes) -> Event:
    """Parse a line of the log that this service wrote; of an end record only `id` is an event's.

    Raises:
        ValueError: the line is not JSON.
    """
    event: Event = json.loads(line)
    return event


def is_end_record(line: bytes) -> bool:
    """Whether a line is an end record: `"end"` follows the id, and quotes in texts are escaped."""
    return line.partition(b",")[2].startswith(b'"end":')


def limit_notice(line: bytes) -> str:
    """The text of an event that names the limit which the log reached; else empty."""
    try:
        text = decode_event(line).get("text", "")
        return text if text.startswith(LIMIT_NOTICE) else ""
    except (ValueError, AttributeError):
        return ""


def last_end_record(data: bytes) -> EndRecord | None:
    """The end record on the last line of a file's end; None for an event or a damaged line."""
    line = data[:-1].rpartition(b"\n")[2]
    if not (data.endswith(b"\n") and is_end_record(line)):
        return None
    try:
        return EndRecord.from_fields(json.loads(line))
    except ValueError:
        return None


def steps_in_order(numbers: Iterable[int], after: EventId) -> list[int]:
    """The steps to read after an id, up to the first that is not among `numbers`.

    Each step has an end record, also a step without terraform: a store that lacks a step and has a
    later step has not received all of the log yet.
    """
    stored = set(numbers)
    return list(takewhile(stored.__contains__, count(max(after.step, 1))))


def chunk_after(chunk: EventChunk, line: int) -> EventChunk:
    """The events of a chunk whose line is greater than `line`."""
    if chunk.first > line:
        return chunk
    at = 0
    for _ in range(line - chunk.first + 1):
        at = chunk.data.index(b"\n", at) + 1
    return EventChunk(chunk.step, line + 1, chunk.last, chunk.data[at:])
