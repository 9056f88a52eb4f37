"""Verifies copies of a log against the end records in the deployment's result."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from deployments.errors import LogGap, Unavailable
from deployments.events import (
    EndKind,
    EndRecord,
    EventChunk,
    EventId,
    is_end_record,
    last_end_record,
)
from deployments.log_ports import LogSource

__all__ = ["Holding", "Verdict", "compare", "verify"]

# Hashing 1 MiB takes a few milliseconds, the longest time that other coroutines wait.
_READ_BYTES = 1024 * 1024


class Verdict(StrEnum):
    """How a copy compares with the end records."""

    EQUAL = "equal"
    DIFFERS = "differs"
    MISSING = "missing"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True)
class StepHolding:
    """The lines of a step in a store and their `sha256`, both without the end record.

    `sealed`: the last line is the end record.
    """

    step: int
    verdict: Verdict
    lines: int = 0
    sha256: str = ""
    sealed: bool = False


@dataclass(frozen=True)
class Holding:
    """The copy of a deployment's log in a store; `error`: why reading stopped early."""

    name: str
    verdict: Verdict
    steps: list[StepHolding] = field(default_factory=list)
    error: str = ""


def compare(name: str, copy: Iterable[EndRecord], seals: Sequence[EndRecord]) -> Holding:
    """Compare the end records in another document with those of the result."""
    copied = {record.step: record for record in copy}
    steps = [_compared(copied.get(seal.step), seal) for seal in seals]
    extra = sorted(copied.keys() - {seal.step for seal in seals})
    steps += [_compared(copied[number], None) for number in extra]
    return Holding(name, _worst(steps), steps)


async def verify(source: LogSource, deployment: str, seals: Sequence[EndRecord]) -> Holding:
    """Read a store's copy once, 1 MiB at a time, and compare each step with the end record.

    An unreachable store yields the verdict `unavailable`, a gap in the log `differs`.
    """
    tallies: dict[int, _Tally] = {}
    try:
        await _read(source, deployment, seals, tallies)
    except LogGap as error:
        return Holding(source.name, Verdict.DIFFERS, _verified(tallies, seals), str(error))
    except Unavailable as error:
        # A step that compared equal stays equal; for the others there is no verdict.
        steps = [
            step if step.verdict is Verdict.EQUAL else StepHolding(step.step, Verdict.UNAVAILABLE)
            for step in _verified(tallies, seals)
        ]
        return Holding(source.name, Verdict.UNAVAILABLE, steps, str(error))
    steps = _verified(tallies, seals)
    return Holding(source.name, _worst(steps), steps)


class _Tally:
    """Line count and hash of a step; the last line waits: it may be the end record."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._lines = 0
        self._last = b""

    def add(self, data: bytes) -> None:
        self._count(self._last)
        cut = data.rfind(b"\n", 0, -1) + 1
        self._count(data[:cut])
        self._last = data[cut:]

    def verdict(self, step: int, seal: EndRecord | None) -> StepHolding:
        """Compare with an end record; call once, after the last chunk."""
        sealed = is_end_record(self._last)
        if not sealed:
            self._count(self._last)
        sha256 = self._hash.hexdigest()
        expected = seal and (seal.lines, seal.sha256, seal.encode())
        equal = expected == (self._lines, sha256, self._last) or (
            # The kind of end is of another release, so that `encode` gives other bytes.
            seal is not None
            and seal.end is EndKind.UNKNOWN
            and (seal.lines, seal.sha256) == (self._lines, sha256)
            and last_end_record(self._last) == seal
        )
        verdict = Verdict.EQUAL if equal else Verdict.DIFFERS
        return StepHolding(step, verdict, self._lines, sha256, sealed)

    def _count(self, data: bytes) -> None:
        self._hash.update(data)
        self._lines += data.count(b"\n")


async def _read(
    source: LogSource, deployment: str, seals: Sequence[EndRecord], tallies: dict[int, _Tally]
) -> None:
    """Read all steps; a step without end record does not hide the steps after it."""
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


def _verified(tallies: dict[int, _Tally], seals: Sequence[EndRecord]) -> list[StepHolding]:
    by_step = {seal.step: seal for seal in seals}
    return [
        tallies[number].verdict(number, by_step.get(number))
        if number in tallies
        else StepHolding(number, Verdict.MISSING)
        # Steps are numbered without gaps: a number without lines and without end record is missing.
        for number in range(1, max([*tallies, *by_step], default=0) + 1)
    ]


def _compared(copy: EndRecord | None, seal: EndRecord | None) -> StepHolding:
    if copy is None:
        return StepHolding(seal.step if seal else 0, Verdict.MISSING)
    verdict = Verdict.EQUAL if copy == seal else Verdict.DIFFERS
    return StepHolding(copy.step, verdict, copy.lines, copy.sha256, sealed=True)


def _worst(steps: Iterable[StepHolding]) -> Verdict:
    verdicts = {step.verdict for step in steps}
    if verdicts <= {Verdict.EQUAL}:
        return Verdict.EQUAL
    return Verdict.MISSING if verdicts == {Verdict.MISSING} else Verdict.DIFFERS
