"""Compares what a store holds of a log with the seals of the deployment's result."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from deployments.errors import LogGap, Unavailable
from deployments.events import EventChunk, EventId, Seal
from deployments.log_ports import LogSource

__all__ = ["Holding", "StepHolding", "Verdict", "compare", "verify"]

# Hashed in some milliseconds, so nobody else of the process waits longer.
_READ_BYTES = 1024 * 1024


class Verdict(StrEnum):
    """What a comparison found."""

    EQUAL = "equal"
    DIFFERS = "differs"
    MISSING = "missing"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True)
class StepHolding:
    """What a store holds of one step: `lines` and their `sha256`, both without the end record.

    `sealed`: its last line is the end record.
    """

    step: int
    verdict: Verdict
    lines: int = 0
    sha256: str = ""
    sealed: bool = False


@dataclass(frozen=True)
class Holding:
    """What a store holds of a deployment's log; `error`: why it could not be read to the end."""

    name: str
    verdict: Verdict
    steps: list[StepHolding] = field(default_factory=list)
    error: str = ""


def compare(name: str, kept: Iterable[Seal], seals: Sequence[Seal]) -> Holding:
    """Seals that are kept elsewhere against the seals of the result."""
    known = {item.step: item for item in kept}
    found = [_of_seal(known.get(seal.step), seal) for seal in seals]
    extra = sorted(known.keys() - {entry.step for entry in seals})
    found += [_of_seal(known[number], None) for number in extra]
    return Holding(name, _worst(found), found)


async def verify(source: LogSource, deployment: str, seals: Sequence[Seal]) -> Holding:
    """Read a store's copy once, a piece at a time, and compare each step with its seal."""
    tallies: dict[int, _Tally] = {}
    try:
        await _read(source, deployment, seals, tallies)
    except Unavailable as error:
        # What was equal is; of the rest nobody can say.
        found = [
            item if item.verdict is Verdict.EQUAL else StepHolding(item.step, _UNKNOWN)
            for item in _judged(tallies, seals)
        ]
        return Holding(source.name, _UNKNOWN, found, str(error))
    except LogGap as error:
        return Holding(source.name, Verdict.DIFFERS, _judged(tallies, seals), str(error))
    found = _judged(tallies, seals)
    return Holding(source.name, _worst(found), found)


_UNKNOWN = Verdict.UNAVAILABLE


class _Tally:
    """The count and the hash of one step; the last line waits, for it may be the end record."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._lines = 0
        self._last = b""

    def add(self, data: bytes) -> None:
        self._count(self._last)
        cut = data.rfind(b"\n", 0, -1) + 1
        self._count(data[:cut])
        self._last = data[cut:]

    def judged(self, step: int, seal: Seal | None) -> StepHolding:
        # `{"id":…,"end":…`: a text cannot look so, its quotes are escaped.
        sealed = self._last.partition(b",")[2].startswith(b'"end":')
        if not sealed:
            self._count(self._last)
        sha256 = self._hash.hexdigest()
        wanted = seal and (seal.lines, seal.sha256, _end_record(seal))
        equal = wanted == (self._lines, sha256, self._last)
        verdict = Verdict.EQUAL if equal else Verdict.DIFFERS
        return StepHolding(step, verdict, self._lines, sha256, sealed)

    def _count(self, data: bytes) -> None:
        self._hash.update(data)
        self._lines += data.count(b"\n")


async def _read(
    source: LogSource, deployment: str, seals: Sequence[Seal], tallies: dict[int, _Tally]
) -> None:
    """All that is there; a step that lacks its end does not hide the ones behind it."""
    starts = sorted(seal.step for seal in seals)
    cursor = EventId(0, 0)
    while True:
        chunks: list[EventChunk] = await source.read(deployment, cursor, _READ_BYTES)
        for chunk in chunks:
            tallies.setdefault(chunk.step, _Tally()).add(chunk.data)
            cursor = chunk.id
        if not chunks:
            later = next((start for start in starts if start > cursor.step), None)
            if later is None:
                return
            cursor = EventId(later, 0)


def _judged(tallies: dict[int, _Tally], seals: Sequence[Seal]) -> list[StepHolding]:
    by_step = {seal.step: seal for seal in seals}
    return [
        tallies[number].judged(number, by_step.get(number))
        if number in tallies
        else StepHolding(number, Verdict.MISSING)
        for number in sorted(tallies.keys() | by_step.keys())
    ]


def _of_seal(kept: Seal | None, seal: Seal | None) -> StepHolding:
    if kept is None:
        return StepHolding(seal.step if seal else 0, Verdict.MISSING)
    verdict = Verdict.EQUAL if kept == seal else Verdict.DIFFERS
    return StepHolding(kept.step, verdict, kept.lines, kept.sha256, sealed=True)


def _worst(found: Iterable[StepHolding]) -> Verdict:
    verdicts = {item.verdict for item in found}
    if verdicts <= {Verdict.EQUAL}:
        return Verdict.EQUAL
    return Verdict.MISSING if verdicts == {Verdict.MISSING} else Verdict.DIFFERS


def _end_record(seal: Seal) -> bytes:
    """As the writer of the event file writes it, newline included."""
    content = {
        "id": str(EventId(seal.step, seal.lines + 1)),
        "end": str(seal.end),
        "lines": seal.lines,
        "sha256": seal.sha256,
    }
    return json.dumps(content, separators=(",", ":")).encode() + b"\n"
