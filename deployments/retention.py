"""Retention: which data of ended deployments and destroyed stacks are deleted, and why others stay.

Data are deleted when they are older than their limit and nothing refers to them. Of each stack the
newest of the expired deployments stays, and the newest that completed, which a revision names.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = [
    "DAY_SECONDS",
    "MAX_DAYS",
    "Amount",
    "Facts",
    "KindReport",
    "RetainReason",
    "Stored",
    "choose",
    "reason_to_retain",
]

DAY_SECONDS = 86_400.0
# A century: for ever.
MAX_DAYS = 36_500


class RetainReason(StrEnum):
    """Why data are retained."""

    YOUNG = "younger than the limit"
    OPEN = "of an open deployment"
    PENDING = "not sent to every store, or not cleared yet"
    RECOVERY = "of a state that is being recovered"
    QUESTION = "of an interrupted deployment that the stack's next deployment reports"
    NEWEST = "newest expired deployment of its stack"
    COMPLETED = "newest expired completed deployment of its stack"
    UNKNOWN = "stack unknown"
    RESOURCES = "state with resources, or unreadable"
    RECORDED = "state that the stack's record names"
    BUSY = "in use just now"


@dataclass(frozen=True)
class Facts:
    """Stack and end of a deployment, as its record names them."""

    stack: str
    completed: bool


@dataclass(frozen=True)
class Stored:
    """Data in a store: of the deployment or stack `id`, last changed at `ended_at` (Unix time).

    `reason` is the store's own reason to retain the data, `facts` are the store's own facts.
    """

    id: str
    ended_at: float
    size_bytes: int
    reason: RetainReason | None = None
    facts: Facts | None = None


@dataclass
class Amount:
    """A number of deployments or stacks, and their bytes."""

    count: int = 0
    size_bytes: int = 0

    def add(self, stored: Stored) -> None:
        """Count another entry."""
        self.count += 1
        self.size_bytes += stored.size_bytes


@dataclass
class KindReport:
    """The result of a pass for a kind of data: `expired` is deleted, or would be by a dry run.

    `error` is the cause why a part could not be read or deleted; empty without an error.
    """

    kind: str
    days: int
    expired: Amount = field(default_factory=Amount)
    kept: dict[RetainReason, Amount] = field(default_factory=dict)
    error: str = ""

    def retain(self, stored: Stored, reason: RetainReason) -> None:
        """Count retained data."""
        self.kept.setdefault(reason, Amount()).add(stored)


def reason_to_retain(
    stored: Stored, protected: Mapping[str, RetainReason], before: float
) -> RetainReason | None:
    """Why data are retained, without regard to other deployments of the stack."""
    if stored.id in protected:
        return protected[stored.id]
    if stored.reason is not None:
        return stored.reason
    return RetainReason.YOUNG if stored.ended_at >= before else None


def choose(
    expired: Iterable[Stored], facts: Mapping[str, Facts | None]
) -> Sequence[tuple[Stored, RetainReason | None]]:
    """The expired data, each with the reason to retain it; None for data to delete."""
    newest: set[str] = set()
    completed: set[str] = set()
    chosen: list[tuple[Stored, RetainReason | None]] = []
    for stored in sorted(expired, key=lambda entry: (entry.ended_at, entry.id), reverse=True):
        fact = facts.get(stored.id)
        reason: RetainReason | None = None
        if fact is None or not fact.stack:
            reason = RetainReason.UNKNOWN
        elif fact.stack not in newest:
            reason = RetainReason.NEWEST
            newest.add(fact.stack)
        elif fact.completed and fact.stack not in completed:
            reason = RetainReason.COMPLETED
        if fact is not None and fact.completed:
            completed.add(fact.stack)
        chosen.append((stored, reason))
    return chosen
