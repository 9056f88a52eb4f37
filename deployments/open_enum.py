"""Enums whose values another release may have written: an unknown value reads as `UNKNOWN`."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Self

__all__ = ["OpenEnum"]


class OpenEnum(StrEnum):
    """An enum that is read from Temporal, a store or a file.

    After a roll-back the data of a newer release remain. A text that this release does not know
    becomes the member `UNKNOWN`, which each subclass has, through every reader: a call of the
    class, msgspec, and Temporal's converter. A request with an unknown text is refused before:
    `known` has the values that a client may send.
    """

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        return cls["UNKNOWN"] if isinstance(value, str) else None

    @classmethod
    def known(cls) -> Sequence[Self]:
        """The members that this release writes, in their order."""
        return [member for member in cls if member.name != "UNKNOWN"]
