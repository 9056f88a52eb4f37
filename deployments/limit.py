"""A limit with its default and bounds."""

from dataclasses import dataclass

__all__ = ["Limit"]


@dataclass(frozen=True)
class Limit:
    """A limit's default and its inclusive bounds, with the reason for the default."""

    default: int
    reason: str
    minimum: int
    maximum: int
