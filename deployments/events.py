"""The log: ids, chunks and the record that ends a step."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from deployments.errors import FieldProblem, InvalidRequest

__all__ = ["MAX_TEXT_BYTES", "EndKind", "EventChunk", "EventId", "Seal"]

# One event must fit every store: Firestore's documents end at 1 MiB (DESIGN section 6).
MAX_TEXT_BYTES = 256 * 1024

# Ids are zero-padded to 10 digits where a store sorts text, so no number may be longer.
_LARGEST_NUMBER = 9_999_999_999


@dataclass(frozen=True, order=True)
class EventId:
    """`<step>-<line>`, compared as a pair of integers; lines count from 1.

    Line 0 stands before the first line of a step, so it can be a cursor but no event.
    """

    step: int
    line: int

    def __str__(self) -> str:
        return f"{self.step}-{self.line}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an id as a client sent it.

        Raises:
            InvalidRequest: it is not two decimal numbers below 10^10 with a hyphen between.
        """
        left, hyphen, right = text.partition("-")
        digits = left.isascii() and right.isascii() and left.isdigit() and right.isdigit()
        if not (hyphen and digits and len(left) <= 10 and len(right) <= 10):
            raise InvalidRequest(
                "An event id looks like 3-42.",
                FieldProblem("/after", "event_id", "Use an id that this log sent, like 3-42."),
            )
        return cls(min(int(left), _LARGEST_NUMBER), min(int(right), _LARGEST_NUMBER))


@dataclass(frozen=True)
class EventChunk:
    """Consecutive events of one step as they stand in the event file.

    `data` holds one JSON event a line, lines `first` to `last`, each ended by a newline.
    """

    step: int
    first: int
    last: int
    data: bytes

    @property
    def id(self) -> EventId:
        """A chunk's id is its last event's."""
        return EventId(self.step, self.last)


class EndKind(StrEnum):
    """How a step's log ends."""

    COMPLETE = "complete"
    LOST = "lost"


@dataclass(frozen=True)
class Seal:
    """The end record of one step: against it every store can be checked.

    `sha256` is the hash of the event file's first `lines` lines as written.
    """

    step: int
    end: EndKind
    lines: int
    sha256: str
